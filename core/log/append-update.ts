import type { Change, Condition } from "../ports/item-store.ts";
import type { Attempt } from "./append-attempt.ts";
import { EXPIRY_GUARD_SECONDS } from "./log-limits.ts";

/**
 * The update that appends to an open block. It fails when the block is gone or near its expiry, full, or has this write already;
 * when the offsets would pass the cap; or when it lives longer than `x`, the expiry the writer knows of.
 */
export function appendUpdate(
  { id, write }: Attempt,
  { base, cap, x, nowMs }: { readonly base: number; readonly cap: number; readonly x: number; readonly nowMs: number },
): { readonly when: readonly Condition[]; readonly changes: readonly Change[] } {
  return {
    when: [
      { op: "exists", name: "pk" },
      { op: "lessThanAttribute", name: "b", other: "lim" },
      { op: "notContains", name: "w", value: id },
      { op: "<=", name: "n", value: cap - base - write.count },
      { op: "<=", name: "x", value: x },
      { op: ">", name: "x", value: Math.ceil(nowMs / 1_000) + EXPIRY_GUARD_SECONDS },
    ],
    changes: [
      { op: "append", name: "f", values: write.frames },
      { op: "increment", name: "n", by: write.count },
      { op: "increment", name: "b", by: write.bytes },
      { op: "set", name: "t1", value: write.storedAtMs },
      { op: "set", name: "x", value: x },
      { op: "addToSet", name: "w", values: new Set([id]) },
    ],
  };
}
