import { groupKey } from "../keys.ts";
import type { Item } from "../ports/item-store.ts";
import type { Assignment, Backoff, ConsumerGroup } from "../terms.ts";

/** group <name>: [u] uid, [or] ordered, [ma] max attempts, [bo] backoff as JSON, [ls] lease seconds, [pa] paused, [as] assignment as JSON, [ca ua] created, updated ms, [v] version. */
export const groupItem = (group: ConsumerGroup): Item => ({
  ...groupKey(group.name),
  u: group.uid,
  or: group.ordered ? 1 : 0,
  ma: group.maxAttempts,
  bo: JSON.stringify(group.backoff),
  ls: group.leaseSeconds,
  pa: group.paused ? 1 : 0,
  as: JSON.stringify(group.assignment),
  ca: group.createdAtMs,
  ua: group.updatedAtMs,
  v: group.version,
});

export const groupOf = (item: Item): ConsumerGroup => ({
  name: item.sk,
  uid: item.u as string,
  ordered: item.or === 1,
  maxAttempts: item.ma as number,
  backoff: JSON.parse(item.bo as string) as Backoff,
  leaseSeconds: item.ls as number,
  paused: item.pa === 1,
  assignment: JSON.parse((item.as as string | undefined) ?? '"AVG"') as Assignment,
  createdAtMs: item.ca as number,
  updatedAtMs: item.ua as number,
  version: item.v as number,
});
