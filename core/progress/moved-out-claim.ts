import type { Item, Key } from "../ports/item-store.ts";
import type { Claim } from "./progress.ts";

/**
 * A claim that was moved out of its progress item, because it waits after a nack for longer than the item has room for it.
 *
 *   inside    the claim is in the progress item, given back and held by nobody. Those due last leave first (`make-room.ts`).
 *   outside   it is an item of its own. The progress item has only a sum: how many messages are outside, and a time before which none
 *             of their claims is due. No handle works on it, and it does not count towards the claims a queue may have.
 *   back      the first receive that finds it due takes it into the item (`take-moved-out.ts`): under its own lease if the claim
 *             fits, else given back as it was, to be taken like any due claim. Expired messages do not return.
 *
 * Either move is one transaction of both items, on the condition that the count outside is as it was read. So a crash leaves the claim
 * in one place; of two processes that move claims at once, one starts again. A reset leaves outside claims under the older generation.
 *
 *   r#…  <generation>-<due>-…   [f] first offset · [a] deliveries so far · [d] due ms · [o] open offsets relative to f, and of an
 *                               ordered one [b] bucket · [h] head
 */
export type MovedOutClaim = Pick<Claim, "first" | "attempt" | "dueMs" | "open" | "order">;

export const movedOutItem = (key: Key, { first, attempt, dueMs, open, order }: MovedOutClaim): Item => ({
  ...key,
  f: first,
  a: attempt,
  d: dueMs,
  o: new Set(open),
  ...(order && { b: order.bucket, h: order.head }),
});

export const movedOutClaimOf = (item: Item): MovedOutClaim => ({
  first: item.f as number,
  attempt: item.a as number,
  dueMs: item.d as number,
  open: [...(item.o as ReadonlySet<number>)].sort((a, b) => a - b),
  order: item.b === undefined ? undefined : { bucket: item.b as number, head: item.h as number },
});
