import { distance } from "fastest-levenshtein";
import { BrokerError } from "./errors.ts";
import { NAME_CHARS_MAX } from "./limits.ts";

const DEAD_LETTER_PREFIX = "%DLQ%";
const RETRY_PREFIX = "%RETRY%";
const NEAR_EDITS_MAX = 3;

/** The topic of a group's dead letters. Users cannot make names with `%`. */
export const deadLetterTopicName = (group: string): string => DEAD_LETTER_PREFIX + group;
export const isDeadLetterTopic = (name: string): boolean => name.startsWith(DEAD_LETTER_PREFIX);

/** The topic of a group's redriven dead letters of one topic, for this group only. */
export const retryTopicName = (group: string, topic: string): string => `${RETRY_PREFIX}${group}%${topic}`;
export const isRetryTopic = (name: string): boolean => name.startsWith(RETRY_PREFIX);
/** The name under which consumers know a topic. Messages of a retry topic are shown with their original topic. */
export const shownTopicName = (name: string): string =>
  isRetryTopic(name) ? name.slice(name.indexOf("%", RETRY_PREFIX.length) + 1) : name;
export const isSystemTopic = (name: string): boolean => name.startsWith("%");

/** A topic that users make. Errors: ILLEGAL_TOPIC. */
export function checkTopicName(name: string): void {
  if (!isName(name)) throw new BrokerError("ILLEGAL_TOPIC", `A topic's name is 1 to ${NAME_CHARS_MAX} of A-Z a-z 0-9 _ and -.`);
}

/** A topic that users change and delete. Errors: FORBIDDEN for the broker's own, ILLEGAL_TOPIC. */
export function checkUserTopicName(name: string): void {
  if (isDeadLetterTopic(name) || isRetryTopic(name))
    throw new BrokerError("FORBIDDEN", "The broker makes and keeps this topic for a group, and deletes it with the group.");
  checkTopicName(name);
}

/** A topic that is read: a user's, or a group's dead letters. Errors: ILLEGAL_TOPIC. */
export function checkReadableTopicName(name: string): void {
  checkTopicName(isDeadLetterTopic(name) ? name.slice(DEAD_LETTER_PREFIX.length) : name);
}

/** Errors: ILLEGAL_CONSUMER_GROUP. */
export function checkGroupName(name: string): void {
  if (!isName(name))
    throw new BrokerError("ILLEGAL_CONSUMER_GROUP", `A group's name is 1 to ${NAME_CHARS_MAX} of A-Z a-z 0-9 _ and -.`);
}

/** Edits from one name to the other, ignoring case; `undefined` if they are too many for a slip. */
export function nearness(name: string, other: string): number | undefined {
  if (Math.abs(name.length - other.length) > NEAR_EDITS_MAX) return undefined;
  const edits = distance(name.toLowerCase(), other.toLowerCase());
  return edits <= Math.min(NEAR_EDITS_MAX, Math.ceil(name.length / 2)) ? edits : undefined;
}

/** " Did you mean 'orders'?", or "" if no candidate is near. */
export function suggestion(name: string, candidates: readonly string[]): string {
  let best: string | undefined;
  let fewest = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    const edits = nearness(name, candidate) ?? Number.POSITIVE_INFINITY;
    if (edits < fewest) {
      fewest = edits;
      best = candidate;
    }
  }
  return best === undefined ? "" : ` Did you mean '${best}'?`;
}

export function isName(name: string): boolean {
  if (name.length === 0 || name.length > NAME_CHARS_MAX) return false;
  return /^[A-Za-z0-9_-]+$/.test(name);
}
