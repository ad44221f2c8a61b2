import type { Change, Item } from "../../core/ports/item-store.ts";
import { type Claim, metaOf, progressOf } from "../../core/progress/progress.ts";

/** All that planted bugs know of how a claim is stored: three attributes, of which `m` and its id holds who has it until when. */

const META = /^m.{4}$/;
const SOMEWHERE = { pk: "g#", sk: "g", g: 0, n: 1, nb: 0, r: 0, dl: 0, ex: 0 };

export const isMeta = (name: string): boolean => META.test(name);

/** The claim that a change of its meta makes. */
function claimSetBy(change: Change): Claim | undefined {
  if (change.op !== "set" || !isMeta(change.name)) return undefined;
  const id = change.name.slice(1);
  const item: Item = { ...SOMEWHERE, [change.name]: change.value, [`f${id}`]: 0, [`o${id}`]: new Set([0]) };
  return progressOf(item).claims.get(id);
}

/** The same change with another claim; where `to` answers nothing, as it is. */
export function changedClaim(change: Change, to: (claim: Claim) => Claim | undefined): Change {
  const claim = claimSetBy(change);
  const changed = claim && to(claim);
  return changed && change.op === "set" ? { ...change, value: metaOf(changed) } : change;
}
