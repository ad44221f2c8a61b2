import { queuePk } from "../keys.ts";
import { Anchor } from "../log/anchor.ts";
import { nextBase, storedUntilMs } from "../log/block.ts";
import { BlockPages } from "../log/block-pages.ts";
import type { QueueName } from "../log/queue.ts";
import type { RollGauges } from "../ports/gauges.ts";
import { StoreCorrupt } from "../ports/store-failures.ts";
import { isDue } from "./is-due.ts";
import type { RollDependencies } from "./roller.ts";

type Asked = Pick<RollDependencies, "items" | "clock" | "settings">;

export const NOTHING_UNROLLED: RollGauges = { unrolledBytes: 0, oldestUnrolledMs: 0 };

/**
 * About how much of a queue is due to be rolled, by the first and the last of its blocks that are not: three reads, whatever lies between
 * them. A roller that has come to the end of its work has nothing to ask for. What cannot be read counts nothing.
 * Errors: `StoreUnavailable`.
 */
export async function unrolledOf(store: Asked, queue: QueueName): Promise<RollGauges> {
  try {
    return await asked(store, queue);
  } catch (error) {
    if (StoreCorrupt.is(error)) return NOTHING_UNROLLED;
    throw error;
  }
}

async function asked({ items, clock, settings }: Asked, { topicUid, queueId }: QueueName): Promise<RollGauges> {
  const rolledTo = await new Anchor(items, topicUid, queueId).rolledTo();
  if (rolledTo === undefined) return NOTHING_UNROLLED;
  const pages = new BlockPages(items);
  const pk = queuePk(topicUid, queueId);
  const [{ blocks }, { tail }] = await Promise.all([pages.ascending(pk, rolledTo, 1, false), pages.end(pk, false)]);
  const [first] = blocks;
  if (!first || !tail) return NOTHING_UNROLLED;
  const unrolledBytes = Math.round((first.bytes / Math.max(1, first.count)) * (nextBase(tail) - first.base));
  const oldestUnrolledMs = Math.max(0, clock.nowMs() - storedUntilMs(first));
  return isDue(unrolledBytes, oldestUnrolledMs, settings) ? { unrolledBytes, oldestUnrolledMs } : NOTHING_UNROLLED;
}

/** Of queues together. */
export const together = (one: RollGauges, other: RollGauges): RollGauges => ({
  unrolledBytes: one.unrolledBytes + other.unrolledBytes,
  oldestUnrolledMs: Math.max(one.oldestUnrolledMs, other.oldestUnrolledMs),
});
