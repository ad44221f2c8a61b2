import type { Change, Item } from "../../core/ports/item-store.ts";
import { type Claim, metaOf, progressOf } from "../../core/progress/progress.ts";

/** All that planted bugs know of a stored claim: three attributes, of which `m<id>` says who holds it until when. */

const META = /^m.{4}$/;
const SOMEWHERE = { pk: "g#", sk: "g", g: 0, n: 1, nb: 0, r: 0, dl: 0, ex: 0 };

export const isMeta = (name: string): boolean => META.test(name);

/** The claim after a change of its meta. */
function claimSetBy(change: Change): Claim | undefined {
  if (change.op !== "set" || !isMeta(change.name)) return undefined;
  const id = change.name.slice(1);
  const item: Item = { ...SOMEWHERE, [change.name]: change.value, [`f${id}`]: 0, [`o${id}`]: new Set([0]) };
  return progressOf(item).claims.get(id);
}

/** The same change with another claim, or unchanged if `to` answers nothing. */
export function changedClaim(change: Change, to: (claim: Claim) => Claim | undefined): Change {
  const claim = claimSetBy(change);
  const changed = claim && to(claim);
  return changed && change.op === "set" ? { ...change, value: metaOf(changed) } : change;
}
