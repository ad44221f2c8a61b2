import { countInFrame } from "../log/count-in-frame.ts";
import type { MessageRecord } from "../message/record-codec.ts";
import { DEAD_LETTER_PROPERTIES } from "../message/system-properties.ts";
import { deadLetterTopicName, shownTopicName } from "../names.ts";
import type { ConsumedQueue } from "../progress/consumed-queue.ts";
import type { Consumption } from "../progress/consumption.ts";
import { type Claim, type ClaimOrder, givenBackNonce, type Progress, progressOf } from "../progress/progress.ts";
import { ProgressChange } from "../progress/progress-change.ts";
import type { StoredMessage } from "../terms.ts";

export type OrderedClaim = Claim & { readonly order: ClaimOrder };

/** Why and after how many deliveries a message died. */
export interface Death {
  readonly attempts: number;
  readonly reason: string;
}

/** Messages that leave a claim of a generation for the dead-letter topic. */
export interface Dying<C extends Claim = Claim> {
  readonly generation: number;
  readonly claim: C;
  readonly messages: readonly StoredMessage[];
  readonly death: Death;
}

/** `met`: the progress that stood in the way. */
export type Moved = "moved" | { readonly met: Progress | undefined };

/**
 * Moves all open messages of a due claim to the group's dead-letter topic and removes the claim: in one transaction if one frame has
 * room for them, else frame by frame, while the claim shrinks. Wants the claim exactly as read, because a late ack must not find its
 * message in both places. After a crash between two frames, the rest is still a due claim. Answers the progress after it, or the one
 * that stood in the way.
 */
export async function deadLetterClaim(
  consumption: Consumption,
  queue: ConsumedQueue,
  dying: Dying,
): Promise<Progress | undefined> {
  const { claim } = dying;
  let { open } = claim;
  for (let left = dying.messages; ; ) {
    const messages = left.slice(0, countInFrame(left));
    left = left.slice(messages.length);
    const leaving = new Set(messages.map(({ offset }) => offset - claim.first));
    const release = new ProgressChange(dying).wantClaim(claim).wantOpen({ id: claim.id, open }).countDead(messages.length);
    if (left.length > 0) release.settle(claim.id, leaving);
    else release.dropClaim(claim.id).countExpired(open.length - messages.length);
    const outcome = await move(consumption, queue, { ...dying, messages }, release);
    if (outcome !== "moved") return outcome.met;
    if (left.length === 0) return (await consumption.progressStore.readAll([queue]))[0];
    open = open.filter((relative) => !leaving.has(relative));
  }
}

/** Moves one message of a held claim, whatever happens to the others. */
export async function deadLetterOne(consumption: Consumption, queue: ConsumedQueue, dying: Dying): Promise<Moved> {
  const { claim, messages } = dying;
  const leaving = new Set(messages.map(({ offset }) => offset - claim.first));
  const release = new ProgressChange(dying)
    .wantClaim(claim)
    .wantStillOpen(claim.id, leaving)
    .settle(claim.id, leaving)
    .countDead(messages.length);
  const outcome = await move(consumption, queue, dying, release);
  consumption.progressStore.forget(queue);
  return outcome;
}

/**
 * Moves the first open message of an ordered claim. Those behind it are given back at once, and their attempts begin anew. Open
 * messages before it have expired. Wants the claim exactly as read.
 */
export async function deadLetterHead(consumption: Consumption, queue: ConsumedQueue, dying: Dying<OrderedClaim>): Promise<Moved> {
  const { claim, messages } = dying;
  const relative = (messages[0]?.offset ?? 0) - claim.first;
  const expired = claim.open.filter((open) => open < relative);
  const next = claim.open.find((open) => open > relative);
  const release = new ProgressChange(dying).wantClaim(claim).wantOpen(claim).countDead(1).countExpired(expired.length);
  if (next === undefined) release.dropClaim(claim.id);
  else {
    const behind = { nonce: givenBackNonce(claim.nonce, claim.attempt), attempt: 0, dueMs: consumption.clock.nowMs() };
    release
      .setMeta(claim.id, { ...behind, order: { bucket: claim.order.bucket, head: next } })
      .settle(claim.id, new Set([...expired, relative]));
  }
  const outcome = await move(consumption, queue, dying, release);
  consumption.progressStore.forget(queue);
  return outcome;
}

async function move(
  consumption: Consumption,
  queue: ConsumedQueue,
  { messages, death }: Dying,
  release: ProgressChange,
): Promise<Moved> {
  const name = deadLetterTopicName(queue.group.name);
  let deadLetters = await consumption.topics.resolve(name);
  // A group and its dead-letter topic are made in one transaction. So an older topic belonged to an earlier group of this name.
  if (deadLetters.createdAtMs < queue.group.createdAtMs) {
    consumption.topics.forget(name);
    deadLetters = await consumption.topics.resolve(name);
  }
  const records = messages.map((message) => deadLetterRecord(queue, message, death, consumption.clock.wallMs()));
  const outcome = await consumption.log.append(deadLetters, 0, records, { companions: () => [release.writeTo(queue)] });
  if (outcome.status === "refused") {
    const met = outcome.currents[0]?.current;
    return { met: met && progressOf(met) };
  }
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
