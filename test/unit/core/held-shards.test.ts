import { describe, expect, it } from "vitest";
import { ALL_SHARDS, type HeldShards, isOfShards } from "../../../core/timer/held-shards.ts";

const queuesOf = (held: HeldShards, queues: number): readonly number[] =>
  Array.from({ length: queues }, (_, queue) => queue).filter((queue) => isOfShards(queue, queues, held));
const range = (from: number, end: number): readonly number[] => Array.from({ length: end - from }, (_, at) => from + at);

describe("the queues of the shards that a scanner has", () => {
  it.each([
    [4, 4],
    [8, 4],
    [16, 4],
    [4, 16],
    [6, 4],
    [4, 3],
    [64, 1],
  ])("are together all there are: %i shards, %i queues", (count, queues) => {
    const each = range(0, count).map((shard) => queuesOf({ shards: [shard], count }, queues));
    expect(each.every((own) => own.length > 0)).toBe(true);
    expect([...new Set(each.flat())].sort((one, other) => one - other)).toEqual(range(0, queues));
    expect(queuesOf({ shards: range(0, count), count }, queues)).toEqual(range(0, queues));
    expect(queuesOf(ALL_SHARDS, queues)).toEqual(range(0, queues));
  });

  it.each([
    [4, 2, 4],
    [8, 2, 4],
    [16, 4, 4],
    [4, 2, 10],
  ])("are not those of another scanner: %i shards, %i scanners, %i queues", (count, scanners, queues) => {
    const each = count / scanners;
    const own = range(0, scanners).map((at) => queuesOf({ shards: range(at * each, (at + 1) * each), count }, queues));
    expect(own.flat()).toEqual(range(0, queues));
  });
});
