import { toBase64url } from "../bytes/base64url.ts";
import { BrokerError } from "../errors.ts";
import type { GroupRegistry } from "../group/group-registry.ts";
import { SCAN_CHUNK, SCAN_MESSAGES_MAX } from "../limits.ts";
import type { Unreadable } from "../log/frame.ts";
import { deadLetterTopicName } from "../names.ts";
import type { Random } from "../ports/random.ts";
import type { DeadLetterListRequest } from "../requests.ts";
import type { Topic } from "../terms.ts";
import type { TopicRegistry } from "../topic/topic-registry.ts";
import { type DeadLetter, type DeadLetterPage, deadLetterOf, offsetOfDeadLetter } from "./dead-letter.ts";
import { countOpen, type DeadLetterStore, type OpenMessages, readOpen } from "./read-open.ts";
import { floorItem, redrivenBy, sameFloor, tombstone } from "./tombstone.ts";

export interface DeadLetterAdmin extends DeadLetterStore {
  readonly random: Random;
  readonly topics: TopicRegistry;
  readonly groups: GroupRegistry;
}

/**
 * A group's dead letters in the order they died. A call reads about SCAN_MESSAGES_MAX; bodies make `maxBytes` at most, but the first
 * comes whatever its size. Unreadable ones are named beside them. Errors: CONSUMER_GROUP_NOT_FOUND.
 */
export async function listDeadLetters(
  admin: DeadLetterAdmin,
  groupName: string,
  request: DeadLetterListRequest,
): Promise<DeadLetterPage> {
  const topic = await deadLetterTopic(admin, groupName);
  const items: DeadLetter[] = [];
  const unreadable: Unreadable[] = [];
  let next = Number(request.after ?? 0);
  let bytes = 0;
  for (let read = 0; read < SCAN_MESSAGES_MAX; ) {
    // One more than fits, to see whether there is another page.
    const count = Math.min(SCAN_CHUNK, request.limit - items.length + 1);
    const page = await readOpen(admin, topic, next, { count, bytesMax: Math.max(1, request.maxBytes - bytes) });
    for (const message of page.messages) {
      const full = items.length === request.limit;
      if (full || (items.length > 0 && bytes + message.body.length > request.maxBytes))
        return {
          items,
          unreadable: [...unreadable, ...before(page, message.offset)],
          next: String(message.offset),
          complete: full,
        };
      items.push(deadLetterOf(message));
      bytes += message.body.length;
    }
    unreadable.push(...page.unreadable);
    if (page.next === undefined) return { items, unreadable, next: undefined, complete: true };
    read += count;
    next = page.next;
  }
  return { items, unreadable, next: String(next), complete: items.length === request.limit };
}

const before = ({ unreadable }: OpenMessages, end: number): readonly Unreadable[] =>
  unreadable.filter(({ offset }) => offset < end);

/** Errors: CONSUMER_GROUP_NOT_FOUND, MESSAGE_NOT_FOUND. */
export async function getDeadLetter(admin: DeadLetterAdmin, groupName: string, id: string): Promise<DeadLetter> {
  return find(admin, await deadLetterTopic(admin, groupName), groupName, id);
}

/** Answers the deleted dead letter. Errors: CONSUMER_GROUP_NOT_FOUND; MESSAGE_NOT_FOUND if it is absent, or was removed meanwhile. */
export async function deleteDeadLetter(
  admin: DeadLetterAdmin,
  groupName: string,
  id: string,
  { dryRun }: { readonly dryRun: boolean },
): Promise<DeadLetter> {
  const topic = await deadLetterTopic(admin, groupName);
  const letter = await find(admin, topic, groupName, id);
  if (dryRun) return letter;
  const by = toBase64url(admin.random.bytes(6));
  const result = await admin.items.put(tombstone(topic, letter, by), { when: [{ op: "absent", name: "pk" }] });
  if (!result.ok && (!result.current || redrivenBy(result.current) !== by)) throw notFound(groupName, id);
  return letter;
}

/** Deletes all dead letters, and answers how many there were. Errors: CONSUMER_GROUP_NOT_FOUND. */
export async function purgeDeadLetters(admin: DeadLetterAdmin, groupName: string): Promise<number> {
  const topic = await deadLetterTopic(admin, groupName);
  for (;;) {
    const { floor, until, open } = await countOpen(admin, topic);
    if (until <= floor) return 0;
    const result = await admin.items.put(floorItem(topic, until, admin.clock.nowMs()), { when: sameFloor(floor) });
    if (result.ok) return open;
  }
}

/** The stored state. Errors: ILLEGAL_CONSUMER_GROUP, CONSUMER_GROUP_NOT_FOUND. */
async function deadLetterTopic({ groups, topics }: DeadLetterAdmin, groupName: string): Promise<Topic> {
  const { name } = await groups.get(groupName);
  return topics.get(deadLetterTopicName(name));
}

async function find(admin: DeadLetterAdmin, topic: Topic, groupName: string, id: string): Promise<DeadLetter> {
  const offset = offsetOfDeadLetter(id);
  if (offset === undefined) throw notFound(groupName, id);
  const { messages } = await readOpen(admin, topic, offset, { count: 1, bytesMax: 1 });
  const [letter] = messages.map(deadLetterOf);
  if (letter?.id !== id) throw notFound(groupName, id);
  return letter;
}

const notFound = (groupName: string, id: string): BrokerError =>
  new BrokerError(
    "MESSAGE_NOT_FOUND",
    `Group '${groupName}' has no dead letter '${id.slice(0, 100)}'. List them with GET /v1/groups/${groupName}/dlq.`,
  );
