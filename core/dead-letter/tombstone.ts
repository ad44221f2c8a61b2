import { deadLetterFloorKey, deadLetterTombstoneKey, deadLetterTombstonesPk, offsetSk, skOffset } from "../keys.ts";
import { expiryOf } from "../log/block.ts";
import { EXPIRY_GUARD_SECONDS } from "../log/log-limits.ts";
import type { Condition, Item, ItemStore, TransactWrite } from "../ports/item-store.ts";
import type { StoredMessage, Topic } from "../terms.ts";

const TOMBSTONES_PER_PAGE = 1_000;

/**
 * Marks a dead letter as gone, because its log never changes. A mark outlives the dead letters that it hides.
 *
 *   d#<topic uid>  <offset>   deleted or redriven: [by] the request or job that took it, so that a repeat knows its own · [x]
 *   d#<topic uid>  floor      purged: [n] all below it are gone · [x]
 */
export const tombstone = (topic: Topic, message: StoredMessage, by: string): Item => ({
  ...deadLetterTombstoneKey(topic.uid, message.offset),
  by,
  x: endOf(topic, message.storedAtMs) + EXPIRY_GUARD_SECONDS,
});

/** The request or job that took it. */
export const redrivenBy = (item: Item): string => item.by as string;

export const floorItem = (topic: Topic, offset: number, nowMs: number): Item => ({
  ...deadLetterFloorKey(topic.uid),
  n: offset,
  x: endOf(topic, nowMs) + EXPIRY_GUARD_SECONDS,
});

export async function floorOf(items: ItemStore, topicUid: string): Promise<number> {
  const item = await items.get(deadLetterFloorKey(topicUid));
  return (item?.n as number | undefined) ?? 0;
}

/** The condition that nothing was purged since the floor was read. */
export const sameFloor = (floor: number): readonly Condition[] =>
  floor === 0 ? [{ op: "absent", name: "pk" }] : [{ op: "=", name: "n", value: floor }];

export const floorStands = (topicUid: string, floor: number): TransactWrite => ({
  kind: "check",
  key: deadLetterFloorKey(topicUid),
  when: sameFloor(floor),
});

/** Offsets in `from` … `end − 1` that have a tombstone. */
export async function buried(items: ItemStore, topicUid: string, from: number, end: number): Promise<ReadonlySet<number>> {
  const offsets = new Set<number>();
  for (let next = from; next < end; ) {
    const page = await items.query({
      pk: deadLetterTombstonesPk(topicUid),
      from: offsetSk(next),
      to: offsetSk(end - 1),
      limit: Math.min(TOMBSTONES_PER_PAGE, end - next),
    });
    // The key of a damaged tombstone says enough.
    for (const { sk } of [...page.items, ...(page.damaged ?? [])]) offsets.add(skOffset(sk));
    const last = page.items.at(-1);
    if (!page.more || !last) break;
    next = skOffset(last.sk) + 1;
  }
  return offsets;
}

/** Epoch seconds. */
const endOf = (topic: Topic, storedAtMs: number): number => expiryOf(storedAtMs, topic.retentionHours);
