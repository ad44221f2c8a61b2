import type { Condition, Item } from "../ports/item-store.ts";

/**
 * Topics, groups, producer groups, subscriptions and subscribers have their uid in [u], and those that change their version in [v]:
 * under one name there may be another by now.
 */
export const ofUid = (uid: string): readonly Condition[] => [{ op: "=", name: "u", value: uid }];

export const ofVersion = ({ uid, version }: { readonly uid: string; readonly version: number }): readonly Condition[] => [
  ...ofUid(uid),
  { op: "=", name: "v", value: version },
];

export const uidOf = (item: Item): string => item.u as string;

/** In place of what was read under the name: of this one, or of none. */
export const inPlaceOf = (item: Item | undefined): readonly Condition[] =>
  item ? ofUid(uidOf(item)) : [{ op: "absent", name: "pk" }];
