import { progressKey } from "../keys.ts";
import { countInFrame } from "../log/count-in-frame.ts";
import type { MessageRecord } from "../message/record-codec.ts";
import { DEAD_LETTER_PROPERTIES } from "../message/system-properties.ts";
import { deadLetterTopicName, shownTopicName } from "../names.ts";
import type { Change, Condition, Item, TransactWrite } from "../ports/item-store.ts";
import type { StoredMessage } from "../terms.ts";
import type { ConsumedQueue, Consumption } from "./consumption.ts";
import { type Claim, type ClaimOrder, exactClaim, givenBackNonce, metaOf, openAsRead, removalOf } from "./progress.ts";

/** Why and after how many deliveries a message died. */
export interface Death {
  readonly attempts: number;
  readonly reason: string;
}

/**
 * Moves all open messages of a due claim to the group's dead-letter topic and removes the claim: in one transaction where one frame
 * has room for them, else frame by frame, the claim shrinking with each. Wants the claim exactly as read: a late ack in between must
 * not find its message in both places. After a crash in between, the rest is a due claim still. Answers the progress item as it is
 * afterwards, or as it stood in the way.
 */
export async function deadLetterClaim(
  consumption: Consumption,
  queue: ConsumedQueue,
  generation: number,
  claim: Claim,
  messages: readonly StoredMessage[],
): Promise<Item | undefined> {
  const death = { attempts: claim.attempt, reason: `not acknowledged in ${claim.attempt} attempts` };
  const key = progressKey(queue.subscription.uid, queue.queueId);
  let { open } = claim;
  for (let left = messages; ; ) {
    const part = left.slice(0, countInFrame(left));
    left = left.slice(part.length);
    const leaving = new Set(part.map(({ offset }) => offset - claim.first));
    const dead: Change = { op: "increment", name: "dl", by: part.length };
    const changes: readonly Change[] =
      left.length > 0
        ? [dead, { op: "deleteFromSet", name: `o${claim.id}`, values: leaving }]
        : [dead, ...removalOf(claim), { op: "increment", name: "ex", by: open.length - part.length }];
    const when: Condition[] = [...exactClaim(generation, claim), openAsRead({ id: claim.id, open })];
    const outcome = await move(consumption, queue, part, death, { kind: "update", key, changes, when });
    if (outcome !== "moved") return outcome.met;
    if (left.length === 0) return (await consumption.progress.readAll([queue]))[0];
    open = open.filter((relative) => !leaving.has(relative));
  }
}

/** Moves one message of a held claim. Answers `"moved"`, or the progress item that stood in the way. */
export async function deadLetterOne(
  consumption: Consumption,
  queue: ConsumedQueue,
  generation: number,
  claim: Pick<Claim, "id" | "first" | "nonce" | "attempt" | "dueMs" | "order">,
  message: StoredMessage,
  reason: string,
): Promise<"moved" | { readonly met: Item | undefined }> {
  const relative = message.offset - claim.first;
  const outcome = await move(
    consumption,
    queue,
    [message],
    { attempts: claim.attempt, reason },
    {
      kind: "update",
      key: progressKey(queue.subscription.uid, queue.queueId),
      changes: [
        { op: "increment", name: "dl", by: 1 },
        { op: "deleteFromSet", name: `o${claim.id}`, values: new Set([relative]) },
      ],
      when: [...exactClaim(generation, claim), { op: "contains", name: `o${claim.id}`, value: relative }],
    },
  );
  consumption.progress.forget(queue.subscription.uid, queue.queueId);
  return outcome;
}

/**
 * Moves the first open message of an ordered claim; those behind it are given back at once, and their attempts begin anew. Wants
 * the claim exactly as read. Answers `"moved"`, or the progress item that stood in the way.
 */
export async function deadLetterHead(
  consumption: Consumption,
  queue: ConsumedQueue,
  generation: number,
  claim: Claim & { readonly order: ClaimOrder },
  head: StoredMessage,
  death: Death,
): Promise<"moved" | { readonly met: Item | undefined }> {
  const relative = head.offset - claim.first;
  const gone = claim.open.filter((open) => open < relative);
  const next = claim.open.find((open) => open > relative);
  const changes: Change[] =
    next === undefined
      ? [...removalOf(claim)]
      : [
          { op: "set", name: `m${claim.id}`, value: metaOf(givenBackBehind(claim, next, consumption.clock.nowMs())) },
          { op: "deleteFromSet", name: `o${claim.id}`, values: new Set([...gone, relative]) },
        ];
  const outcome = await move(consumption, queue, [head], death, {
    kind: "update",
    key: progressKey(queue.subscription.uid, queue.queueId),
    changes: [...changes, { op: "increment", name: "dl", by: 1 }, { op: "increment", name: "ex", by: gone.length }],
    when: [...exactClaim(generation, claim), openAsRead(claim)],
  });
  consumption.progress.forget(queue.subscription.uid, queue.queueId);
  return outcome;
}

const givenBackBehind = (claim: Claim & { readonly order: ClaimOrder }, head: number, nowMs: number) => ({
  nonce: givenBackNonce(claim.nonce, claim.attempt),
  attempt: 0,
  dueMs: nowMs,
  order: { bucket: claim.order.bucket, head },
});

async function move(
  consumption: Consumption,
  queue: ConsumedQueue,
  messages: readonly StoredMessage[],
  death: Death,
  release: TransactWrite,
): Promise<"moved" | { readonly met: Item | undefined }> {
  const name = deadLetterTopicName(queue.group.name);
  let deadLetters = await consumption.topics.resolve(name);
  // Both are made in one transaction: an older topic is an older group's, deleted meanwhile.
  if (deadLetters.createdAtMs < queue.group.createdAtMs) {
    consumption.topics.forget(name);
    deadLetters = await consumption.topics.resolve(name);
  }
  const records = messages.map((message) => deadLetterRecord(queue, message, death, consumption.clock.wallMs()));
  const outcome = await consumption.log.append(deadLetters, 0, records, { companions: () => [release] });
  if (outcome.status === "refused") return { met: outcome.currents[0]?.current };
  consumption.arrivals.topicRings(deadLetters.uid, 0);
  const { group, topic, queueId } = queue;
  for (const { messageId, offset } of messages) {
    consumption.events.happened({
      kind: "deadLettered",
      group: group.name,
      topic: shownTopicName(topic.name),
      queueId,
      offset,
      messageId,
      ...death,
    });
  }
  return "moved";
}

function deadLetterRecord(queue: ConsumedQueue, message: StoredMessage, death: Death, deadAtMs: number): MessageRecord {
  const names = DEAD_LETTER_PROPERTIES;
  const properties = new Map(message.properties)
    .set(names.originTopic, shownTopicName(queue.topic.name))
    .set(names.originQueueId, String(message.queueId))
    .set(names.originOffset, String(message.offset))
    .set(names.originMessageId, message.messageId)
    .set(names.attempts, String(death.attempts))
    .set(names.reason, death.reason)
    .set(names.deadAt, String(deadAtMs));
  return { ...message, properties };
}
