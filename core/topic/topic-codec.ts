import { topicKey } from "../keys.ts";
import type { Item } from "../ports/item-store.ts";
import type { FlushMode, Perm, RetentionRaise, Topic, TopicType } from "../terms.ts";

/**
 * topic <name>: [u] uid, [ty] type, [wq rq qe] write, read and most queues ever, [rh] retention hours, [rr] raises of it as JSON, absent:
 * none, [fm] flush mode, [p] perm, [ro] rooms as JSON, [ca ua sa] created, updated, shrunk at ms, [hu] held until ms, absent: not held,
 * [v] version.
 */
export const topicItem = (topic: Topic): Item => ({
  ...topicKey(topic.name),
  u: topic.uid,
  ty: topic.type,
  wq: topic.writeQueues,
  rq: topic.readQueues,
  qe: topic.queuesEver,
  rh: topic.retentionHours,
  ...(topic.retentionRaises.length > 0 && { rr: JSON.stringify(topic.retentionRaises) }),
  fm: topic.flushMode,
  p: topic.perm,
  ro: JSON.stringify(topic.rooms),
  ca: topic.createdAtMs,
  ua: topic.updatedAtMs,
  sa: topic.shrunkAtMs,
  ...(topic.heldUntilMs > 0 && { hu: topic.heldUntilMs }),
  v: topic.version,
});

export const topicOf = (item: Item): Topic => ({
  name: item.sk,
  uid: item.u as string,
  type: item.ty as TopicType,
  writeQueues: item.wq as number,
  readQueues: item.rq as number,
  queuesEver: item.qe as number,
  retentionHours: item.rh as number,
  retentionRaises: JSON.parse((item.rr as string | undefined) ?? "[]") as RetentionRaise[],
  flushMode: item.fm as FlushMode,
  perm: item.p as Perm,
  rooms: JSON.parse((item.ro as string | undefined) ?? "[]") as string[],
  createdAtMs: item.ca as number,
  updatedAtMs: item.ua as number,
  shrunkAtMs: item.sa as number,
  heldUntilMs: (item.hu as number | undefined) ?? 0,
  version: item.v as number,
});
