import { queuePk } from "../keys.ts";
import { Anchor } from "../log/anchor.ts";
import { nextBase, storedUntilMs } from "../log/block.ts";
import { BlockPages } from "../log/block-pages.ts";
import type { QueueName } from "../log/queue.ts";
import type { RollGauges } from "../ports/gauges.ts";
import { DUE_AGE_MS, DUE_AT_ONCE_BYTES } from "./roll-limits.ts";
import type { RollDependencies } from "./roller.ts";

export const NOTHING_UNROLLED: RollGauges = { unrolledBytes: 0, oldestUnrolledMs: 0 };

/**
 * About how much of a queue is due to be rolled, by the first and the last of its blocks that are not: three reads, whatever lies between
 * them. A roller that has come to the end of its work has nothing to ask for. Errors: `StoreUnavailable`.
 */
export async function unrolledOf(
  { items, clock, settings }: Pick<RollDependencies, "items" | "clock" | "settings">,
  { topicUid, queueId }: QueueName,
): Promise<RollGauges> {
  const rolledTo = await new Anchor(items, topicUid, queueId).rolledTo();
  if (rolledTo === undefined) return NOTHING_UNROLLED;
  const pages = new BlockPages(items);
  const pk = queuePk(topicUid, queueId);
  const [{ blocks }, { tail }] = await Promise.all([pages.ascending(pk, rolledTo, 1, false), pages.end(pk, false)]);
  const [first] = blocks;
  if (!first || !tail) return NOTHING_UNROLLED;
  const unrolledBytes = Math.round((first.bytes / first.count) * (nextBase(tail) - first.base));
  const oldestUnrolledMs = Math.max(0, clock.nowMs() - storedUntilMs(first));
  const isDue = unrolledBytes >= DUE_AT_ONCE_BYTES || (unrolledBytes >= settings.rollBytesMin && oldestUnrolledMs >= DUE_AGE_MS);
  return isDue ? { unrolledBytes, oldestUnrolledMs } : NOTHING_UNROLLED;
}

/** Of queues together. */
export const together = (one: RollGauges, other: RollGauges): RollGauges => ({
  unrolledBytes: one.unrolledBytes + other.unrolledBytes,
  oldestUnrolledMs: Math.max(one.oldestUnrolledMs, other.oldestUnrolledMs),
});
