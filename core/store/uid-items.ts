import { toBase64url } from "../bytes/base64url.ts";
import type { Clock } from "../ports/clock.ts";
import type { Condition, Item } from "../ports/item-store.ts";
import type { Random } from "../ports/random.ts";

/** Of something made now. */
export function firstVersion({ clock, random }: { readonly clock: Clock; readonly random: Random }) {
  const nowMs = clock.nowMs();
  return { uid: toBase64url(random.bytes(6)), createdAtMs: nowMs, updatedAtMs: nowMs, version: 1 };
}

/**
 * Topics, groups, producer groups, subscriptions and subscribers have their uid in [u], because a name may belong to another by now.
 * Those that change have their version in [v].
 */
export const ofUid = (uid: string): readonly Condition[] => [{ op: "=", name: "u", value: uid }];

export const ofVersion = ({ uid, version }: { readonly uid: string; readonly version: number }): readonly Condition[] => [
  ...ofUid(uid),
  { op: "=", name: "v", value: version },
];

export const uidOf = (item: Item): string => item.u as string;

/** The condition that the name still has the item that was read, or none. */
export const inPlaceOf = (item: Item | undefined): readonly Condition[] =>
  item ? ofUid(uidOf(item)) : [{ op: "absent", name: "pk" }];
