import type { Item, Key } from "../ports/item-store.ts";
import type { Claim } from "./progress.ts";

/**
 * A claim outside its item: r#… [f] first offset · [a] deliveries so far · [d] due ms · [o] open offsets relative to f, and of an
 * ordered one [b] bucket · [h] head.
 */
export type SpilledClaim = Pick<Claim, "first" | "attempt" | "dueMs" | "open" | "order">;

export const spilledItem = (key: Key, { first, attempt, dueMs, open, order }: SpilledClaim): Item => ({
  ...key,
  f: first,
  a: attempt,
  d: dueMs,
  o: new Set(open),
  ...(order && { b: order.bucket, h: order.head }),
});

export const spilledClaimOf = (item: Item): SpilledClaim => ({
  first: item.f as number,
  attempt: item.a as number,
  dueMs: item.d as number,
  open: [...(item.o as ReadonlySet<number>)].sort((a, b) => a - b),
  order: item.b === undefined ? undefined : { bucket: item.b as number, head: item.h as number },
});
