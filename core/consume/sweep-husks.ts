import type { Change, Condition } from "../ports/item-store.ts";
import type { Progress } from "./progress.ts";

/** Removes what claims emptied bit by bit left behind, as part of another update; only while they are empty still. */
export function sweepHusks(
  { husks }: Progress,
  most: number,
): { readonly changes: readonly Change[]; readonly when: readonly Condition[] } {
  const swept = husks.slice(0, most);
  return {
    changes: swept.flatMap((husk): Change[] => [
      { op: "remove", name: `f${husk}` },
      { op: "remove", name: `m${husk}` },
    ]),
    when: swept.map((husk): Condition => ({ op: "absent", name: `o${husk}` })),
  };
}
