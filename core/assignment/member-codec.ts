import { memberKey } from "../keys.ts";
import { CLIENT_LEASE_MS } from "../limits.ts";
import type { Condition, Item } from "../ports/item-store.ts";
import type { Member } from "../terms.ts";

export const expiresAtMs = (member: Member): number => member.lastSeenAtMs + CLIENT_LEASE_MS;

/** m#<group uid> <client id>: [su] subscriptions as JSON, absent for all, [ro] room, absent where none, [fs ls] first, last seen ms, [x] expiry. */
export const memberItem = (groupUid: string, member: Member): Item => ({
  ...memberKey(groupUid, member.clientId),
  ...(member.subscriptions && { su: JSON.stringify([...member.subscriptions]) }),
  ...(member.room !== undefined && { ro: member.room }),
  fs: member.firstSeenAtMs,
  ls: member.lastSeenAtMs,
  x: Math.ceil(expiresAtMs(member) / 1_000),
});

/** The condition that it is a member at `atMs`. */
export const isMemberAt = (atMs: number): readonly Condition[] => [{ op: ">", name: "ls", value: atMs - CLIENT_LEASE_MS }];

/** The condition that it was not seen again since it was read. */
export const lastSeenAsRead = ({ lastSeenAtMs }: Member): readonly Condition[] => [{ op: "=", name: "ls", value: lastSeenAtMs }];

export const memberOf = (item: Item): Member => ({
  clientId: item.sk,
  subscriptions: item.su === undefined ? undefined : new Set(JSON.parse(item.su as string) as string[]),
  room: item.ro as string | undefined,
  firstSeenAtMs: item.fs as number,
  lastSeenAtMs: item.ls as number,
});
