import type { Item, Key } from "../ports/item-store.ts";
import type { Claim } from "./progress.ts";

/** A claim outside its item: r#… [f] first offset · [a] deliveries so far · [d] due ms · [o] open offsets relative to f. */
export type SpilledClaim = Pick<Claim, "first" | "attempt" | "dueMs" | "open">;

export const spilledItem = (key: Key, { first, attempt, dueMs, open }: SpilledClaim): Item => ({
  ...key,
  f: first,
  a: attempt,
  d: dueMs,
  o: new Set(open),
});

export const spilledClaimOf = (item: Item): SpilledClaim => ({
  first: item.f as number,
  attempt: item.a as number,
  dueMs: item.d as number,
  open: [...(item.o as ReadonlySet<number>)].sort((a, b) => a - b),
});
