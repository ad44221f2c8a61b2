import { memberKey, membersPk } from "../keys.ts";
import { CLIENTS_MAX } from "../limits.ts";
import type { ItemStore } from "../ports/item-store.ts";
import { everyItem } from "../store/every-item.ts";
import type { Member } from "../terms.ts";
import { expiresAtMs, isMemberAt, lastSeenAsRead, memberItem, memberOf } from "./member-codec.ts";

export const isLive = (member: Member, atMs: number): boolean => expiresAtMs(member) > atMs;

/** All stored members, the expired ones included, in the order of their ids. */
export async function readMembers(items: ItemStore, groupUid: string): Promise<readonly Member[]> {
  const members: Member[] = [];
  // One more than allowed: a page that is not full is the last.
  const query = { pk: membersPk(groupUid), limit: CLIENTS_MAX + 1 };
  for await (const item of everyItem(items, query)) members.push(memberOf(item));
  return members;
}

/** How many are members at `nowMs`. */
export const countLive = async (items: ItemStore, groupUid: string, nowMs: number): Promise<number> =>
  (await readMembers(items, groupUid)).filter((member) => isLive(member, nowMs)).length;

export async function putMember(items: ItemStore, groupUid: string, member: Member): Promise<void> {
  await items.put(memberItem(groupUid, member));
}

/** False if there is none. */
export async function deleteLive(items: ItemStore, groupUid: string, clientId: string, nowMs: number): Promise<boolean> {
  return (await items.delete(memberKey(groupUid, clientId), { when: isMemberAt(nowMs) })).ok;
}

/** Deletes an expired member, unless it came back since it was read. */
export async function deleteExpired(items: ItemStore, groupUid: string, member: Member): Promise<void> {
  await items.delete(memberKey(groupUid, member.clientId), { when: lastSeenAsRead(member) });
}
