import type { Item, Key } from "../ports/item-store.ts";
import type { Claim } from "./progress.ts";

/**
 * A claim that was moved out of its progress item, because it waits after a nack for longer than the item has room for it.
 *
 *   inside    the claim is in the progress item, given back, and nobody holds it. Those due last leave first (`make-space.ts`).
 *   outside   it is an item of its own. The progress item knows of it in sum: how many messages are outside, and that none of them is
 *             due before `movedOutDueMs`. No handle works on it, and it does not count towards the claims a queue may have.
 *   back      the first receive that finds it due takes it in (`take-moved-out.ts`): under its own lease where it has room for it;
 *             else given back as it was, to be taken like any claim that is due. What has expired meanwhile does not come back.
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
