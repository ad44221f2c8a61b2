import { TOPICS_PK, topicHashKey, topicKey } from "../keys.ts";
import { topicHashOf } from "../message/message-id.ts";
import type { Item, ItemStore, Key, TransactWrite } from "../ports/item-store.ts";
import { everyItem } from "../store/every-item.ts";
import { ofUid } from "../store/uid-items.ts";
import type { Topic } from "../terms.ts";
import { topicOf } from "./topic-codec.ts";

/**
 * th#<hash> <topic uid>: [n] the topic's name. A message id holds the hash of its topic, and nothing else of it. The item is written in
 * the transaction that makes the topic, and goes in the one that removes it. A topic keeps its name and its uid, so the item never changes.
 */
const hashKeyOf = (topicUid: string): Key => topicHashKey(topicHashOf(topicUid), topicUid);

const topicHashItem = ({ uid, name }: Pick<Topic, "uid" | "name">): Item => ({ ...hashKeyOf(uid), n: name });

export const hashedTopicOf = ({ sk, n }: Item): Pick<Topic, "uid" | "name"> => ({ uid: sk, name: n as string });

export const putHash = (topic: Pick<Topic, "uid" | "name">): TransactWrite => ({ kind: "put", item: topicHashItem(topic) });

export const deleteHash = (topicUid: string): TransactWrite => ({ kind: "delete", key: hashKeyOf(topicUid) });

const TOPICS_PER_PAGE = 100;
/** Two writes for each: a transaction takes 100. */
const TOPICS_PER_WRITE = 50;

/** Writes the items of topics that were made before there were such items. Idempotent. Errors: `StoreUnavailable`. */
export async function writeTopicHashes(items: ItemStore): Promise<void> {
  let topics: Topic[] = [];
  for await (const item of everyItem(items, { pk: TOPICS_PK, limit: TOPICS_PER_PAGE })) {
    topics.push(topicOf(item));
    if (topics.length < TOPICS_PER_WRITE) continue;
    await writeHashes(items, topics);
    topics = [];
  }
  if (topics.length > 0) await writeHashes(items, topics);
}

/** A topic that was removed since gets none. The others are then written one by one. */
async function writeHashes(items: ItemStore, topics: readonly Topic[]): Promise<void> {
  const writes = topics.flatMap((topic): readonly TransactWrite[] => [
    { kind: "check", key: topicKey(topic.name), when: ofUid(topic.uid) },
    putHash(topic),
  ]);
  const result = await items.transact(writes);
  if (!result.ok && topics.length > 1) for (const topic of topics) await writeHashes(items, [topic]);
}
