import { producerGroupKey } from "../keys.ts";
import type { Item } from "../ports/item-store.ts";
import type { ProducerGroup } from "./transaction.ts";

/** producers <name>: [u] uid, [wu] webhook URL, [ws] its secret, [mc] max checks, [ca ua] created, updated ms, [v] version. */
export const producerGroupItem = (group: ProducerGroup): Item => ({
  ...producerGroupKey(group.name),
  u: group.uid,
  ...(group.url !== undefined && { wu: group.url }),
  ...(group.secret && { ws: group.secret }),
  mc: group.maxChecks,
  ca: group.createdAtMs,
  ua: group.updatedAtMs,
  v: group.version,
});

export const producerGroupOf = (item: Item): ProducerGroup => ({
  name: item.sk,
  uid: item.u as string,
  url: item.wu as string | undefined,
  secret: item.ws as Uint8Array | undefined,
  maxChecks: item.mc as number,
  createdAtMs: item.ca as number,
  updatedAtMs: item.ua as number,
  version: item.v as number,
});
