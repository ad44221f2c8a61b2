import { describe, expect, it } from "vitest";
import { CapacityStage, type Scanners, TICK_MS } from "../../../bench/capacity/capacity-stage.ts";
import { fillDueTimers } from "../../../bench/capacity/due-timers.ts";
import { Fired } from "../../../bench/capacity/fired.ts";
import { MEASURED_TIMES } from "../../../bench/capacity/one-process.ts";
import { hash32 } from "../../../core/bytes/hash32.ts";
import type { RunningBroker } from "../../../core/create-broker.ts";
import type { TransactWrite } from "../../../core/ports/item-store.ts";
import { shardOf } from "../../../core/timer/timer.ts";
import { TIMER_SHARDS } from "../../../core/timer/timer-limits.ts";

const AHEAD_MS = 5_000;
/** Its message falls due when the others are already late. */
const LATER_MS = 1_000;
const LATE_MS_MAX = 2_000;
const GIVEN_UP_MS = 10_000;
const DEPLOYED: Scanners = { atOnce: 1, memoryMiB: 1_024, times: MEASURED_TIMES, tickMs: TICK_MS };
const QUIET = "quiet";

/** How late a message of a topic of its own is, beside what `fill` makes due at a time. */
async function lateBeside(options: {
  readonly fill: (stage: CapacityStage, broker: RunningBroker, dueMs: number) => Promise<void>;
  readonly messageGroup?: string;
  readonly slowMs?: (writes: readonly TransactWrite[]) => number;
}): Promise<number> {
  let fired: Fired | undefined;
  const stage = new CapacityStage(TIMER_SHARDS, { slowMs: options.slowMs, onTransacted: (writes) => fired?.hear(writes) });
  fired = new Fired(() => stage.nowMs());
  const broker = await stage.setUp();
  const dueMs = stage.nowMs() + AHEAD_MS;
  const id = await stage.play(async () => {
    await options.fill(stage, broker, dueMs);
    await broker.putTopic(QUIET, { type: "MIXED", queues: 1 });
    const { messageGroup } = options;
    const message = {
      body: Buffer.from("q"),
      deliverAtMs: dueMs + LATER_MS,
      ...(messageGroup !== undefined && { messageGroup }),
    };
    const [receipt] = await broker.sendMessages(QUIET, [message]);
    if (!receipt || !("recallHandle" in receipt)) throw receipt;
    return receipt.messageId;
  });
  fired.watch(id);
  const over = (): boolean => !Number.isNaN(fired?.lateMs(id)) || stage.nowMs() > dueMs + LATER_MS + GIVEN_UP_MS;
  const watched = async (): Promise<void> => {
    while (!over()) await stage.pass(100);
  };
  await stage.play(() => Promise.race([watched(), stage.scan(DEPLOYED, over)]));
  return fired.lateMs(id);
}

describe("a delayed message of another topic", () => {
  it("is not late behind a message group with 12,000 due in its shard", async () => {
    const shard = shardOf(hash32("g"));
    const messageGroup = [..."abcdefhijklmnop"].find((name) => shardOf(hash32(name)) === shard);
    const lateMs = await lateBeside({
      ...(messageGroup !== undefined && { messageGroup }),
      fill: (stage, broker, dueMs) =>
        fillDueTimers(stage.items, broker, TIMER_SHARDS, {
          count: 12_000,
          body: "random",
          bytes: 500,
          topics: 1,
          messageGroup: "g",
          dueMs: () => dueMs,
        }),
    });
    expect(lateMs).toBeLessThanOrEqual(LATE_MS_MAX);
  });

  it("is not late beside a slow queue that 24,000 message groups of its shard wait for", async () => {
    const shard = shardOf(hash32("g"));
    const messageGroup = [..."abcdefhijklmnop"].find((name) => shardOf(hash32(name)) === shard);
    const hashes: number[] = [];
    for (let number = 0; hashes.length < 24_000; number++) {
      const hash = hash32(`group${number}`);
      if (shardOf(hash) === shard) hashes.push(hash);
    }
    const lateMs = await lateBeside({
      ...(messageGroup !== undefined && { messageGroup }),
      slowMs: (writes) => (writes.length > 10 ? 800 : 0),
      fill: (stage, broker, dueMs) =>
        fillDueTimers(stage.items, broker, TIMER_SHARDS, {
          count: hashes.length,
          body: "random",
          bytes: 100,
          topics: 1,
          queues: 1,
          messageGroup: "g",
          groupHash: (at) => hashes[at] as number,
          dueMs: () => dueMs,
        }),
    });
    expect(lateMs).toBeLessThan(LATE_MS_MAX);
  });

  it("is not late beside eight topics whose queue takes 0.8 seconds a transaction, with 1,500 due each", async () => {
    const lateMs = await lateBeside({
      // Whatever has many deletes is theirs.
      slowMs: (writes) => (writes.length > 10 ? 800 : 0),
      fill: (stage, broker, dueMs) =>
        fillDueTimers(stage.items, broker, TIMER_SHARDS, {
          count: 8 * 1_500,
          body: "random",
          bytes: 100,
          topics: 8,
          queues: 1,
          dueMs: () => dueMs,
        }),
    });
    expect(lateMs).toBeLessThan(LATE_MS_MAX);
  });
});
