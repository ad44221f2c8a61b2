import { expect, it } from "vitest";
import { ShardUnits } from "../../../core/timer/shard-units.ts";

const HOUR_MS = 3_600_000;

it("deals units on when the clock was set back by an hour", async () => {
  let nowMs = 1_800_000_000_000;
  let sleptMs = 0;
  const sleep = async (ms: number) => {
    sleptMs += ms;
    nowMs += ms;
  };
  const units = new ShardUnits({ nowMs: () => nowMs, sleep }, 1_000);
  const flow = { next: 0 };
  await units.take(250, flow);
  nowMs -= HOUR_MS;
  await units.take(250, flow);
  await units.take(250, flow);
  expect(sleptMs).toBe(250);
});
