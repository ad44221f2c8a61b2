import { hash40 } from "../bytes/hash40.ts";

/** What a message is looked up by: one of its keys, or its id where that does not follow from its frame. */
export type NameKind = "key" | "id";

export const KEY_HASH_MAX = 2 ** 40 - 1;

/**
 * 40 bits of what a message is looked up by. The topic is part of it, so topics share no hashes but by chance. Two names with one hash
 * are told apart by reading the messages. Stored data depends on the results.
 */
export const keyHash = (topicUid: string, kind: NameKind, name: string): number => hash40(`${topicUid}/${kind}/${name}`);
