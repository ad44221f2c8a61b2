import type { Change, Condition } from "../ports/item-store.ts";
import type { Block } from "./block.ts";
import { EXPIRY_GUARD_SECONDS } from "./log-limits.ts";
import type { PendingAppend } from "./pending-append.ts";

/** A write of an existing block. All of them are made here, so that only `block.ts` and this file know the block's attributes. */
export interface BlockUpdate {
  readonly when: readonly Condition[];
  readonly changes: readonly Change[];
}

/**
 * Appends to an open block. The update fails if the block is gone, near its expiry, or full; if it has this write already; if the
 * offsets would pass the cap; or if its life is longer than the writer knows (`expiresAtSeconds`).
 */
export function appending(
  { id, write }: PendingAppend,
  { base, cap, expiresAtSeconds, nowMs }: Readonly<Record<"base" | "cap" | "expiresAtSeconds" | "nowMs", number>>,
): BlockUpdate {
  return {
    when: [
      { op: "exists", name: "pk" },
      { op: "lessThanAttribute", name: "b", other: "lim" },
      { op: "notContains", name: "w", value: id },
      { op: "<=", name: "n", value: cap - base - write.count },
      { op: "<=", name: "x", value: expiresAtSeconds },
      { op: ">", name: "x", value: Math.ceil(nowMs / 1_000) + EXPIRY_GUARD_SECONDS },
    ],
    changes: [
      { op: "append", name: "f", values: write.frames },
      { op: "increment", name: "n", by: write.count },
      { op: "increment", name: "b", by: write.bytes },
      { op: "set", name: "t1", value: write.storedAtMs },
      { op: "set", name: "x", value: expiresAtSeconds },
      { op: "addToSet", name: "w", values: new Set([id]) },
    ],
  };
}

/** Closes a block and lets it live until `expiresAtSeconds`, unless the block has grown since it was read. */
export const closing = (block: Pick<Block, "count" | "expiresAtSeconds">, expiresAtSeconds: number): BlockUpdate => ({
  when: [...expiryAsRead(block), { op: "=", name: "n", value: block.count }],
  changes: [
    { op: "set", name: "x", value: expiresAtSeconds },
    { op: "set", name: "lim", value: 0 },
  ],
});

/** The condition that the block's expiry is as it was read. */
export const expiryAsRead = ({ expiresAtSeconds }: Pick<Block, "expiresAtSeconds">): readonly Condition[] => [
  { op: "=", name: "x", value: expiresAtSeconds },
];

/** The condition that the block has as many messages as were read. */
export const countAsRead = ({ count }: Pick<Block, "count">): readonly Condition[] => [{ op: "=", name: "n", value: count }];
