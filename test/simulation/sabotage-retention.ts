import { offsetSk, TOPICS_PK } from "../../core/keys.ts";
import { blockOf, nextBase } from "../../core/log/block.ts";
import { BLOCKS_PER_QUERY_MAX } from "../../core/log/log-limits.ts";
import { QueueReader } from "../../core/log/queue-reader.ts";
import type { Item, Query, QueryPage } from "../../core/ports/item-store.ts";
import { isBlock, type Sabotage, tamper } from "./sabotage.ts";
import type { Patch } from "./sabotage-process.ts";

/** Bugs in when messages expire, and in what is deleted then: I1. */

const FOR_EVER = { retentionHours: 1_000_000, retentionRaises: [] };

/** Readers find what is stored, whether it has expired or not. */
export const readsExpired: Patch = async (work) => {
  const { run } = QueueReader.prototype;
  QueueReader.prototype.run = function (queue, ...parameters) {
    return run.call(this, { ...queue, retention: FOR_EVER }, ...parameters);
  };
  try {
    return await work();
  } finally {
    QueueReader.prototype.run = run;
  }
};

/** A raised retention brings back what expired by the one before it. */
export const forgetsRaises: Sabotage = (items) => ({
  ...tamper(items, {}),
  get: async (key, options) => {
    const item = await items.get(key, options);
    if (item?.pk !== TOPICS_PK) return item;
    const { rr: _raises, ...topic } = item;
    return topic as Item;
  },
});

const answering = (answer: (page: QueryPage, query: Query) => QueryPage): Sabotage => {
  return (items) => ({ ...tamper(items, {}), query: async (query) => answer(await items.query(query), query) });
};

/** The pages that the deletion of expired blocks asks for show one block too many, so that it deletes the last one too. */
export const dropsTails = answering((page, { pk, limit }) => {
  const last = page.items.at(-1);
  if (!last || page.more || !isBlock(last) || limit <= BLOCKS_PER_QUERY_MAX) return page;
  return { ...page, items: [...page.items, { ...last, pk, sk: offsetSk(nextBase(blockOf(last))) }] };
});

/** Blocks are deleted an hour before their messages expire, and not an hour after. Nothing but the deletion queries topics. */
export const dropsEarly = answering((page, { pk }) =>
  pk === TOPICS_PK ? { ...page, items: page.items.map((item) => ({ ...item, rh: (item.rh as number) - 2 })) } : page,
);
