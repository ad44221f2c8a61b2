import { type RetryTopics, retryTopic } from "../dead-letter/retry-topic.ts";
import { BrokerError, badField } from "../errors.ts";
import type { GroupRegistry } from "../group/group-registry.ts";
import { isSystemTopic } from "../names.ts";
import type { Producing } from "../produce/producing.ts";
import { QueueDestination } from "../produce/queue-destination.ts";
import { storeEntries } from "../produce/store-entries.ts";
import type { SendIdentity, StoredReceipt } from "../terms.ts";
import { groupLane } from "../wake/arrivals.ts";
import { findMessage } from "./find-message.ts";
import type { Querying } from "./query-messages.ts";

export interface Redelivering extends Querying, RetryTopics {
  readonly groups: GroupRegistry;
  readonly producing: Producing;
}

export interface RedeliveryRequest {
  readonly group: string;
  /** Default: any topic. */
  readonly topic?: string | undefined;
  /** What repeats of the request are known by. */
  readonly once?: SendIdentity | undefined;
}

/** A copy of a message, for one group. */
export interface Redelivery extends StoredReceipt {
  /** The topic of the message, under which the group receives the copy. */
  readonly topic: string;
  readonly group: string;
  /** The group's own topic of such copies, in which `queueId` and `offset` are. */
  readonly retryTopic: string;
}

/**
 * Delivers a message once more, to one group that is subscribed to its topic, with attempt 1 again: by a copy in the group's retry
 * topic, as a redrive does. The message itself, and what the group did with it, stay as they are. Idempotent with an identity.
 *
 * Errors: CONSUMER_GROUP_NOT_FOUND, BAD_REQUEST (not subscribed, or a dead letter), those of `findMessage`, MESSAGE_EXPIRED.
 */
export async function redeliverMessage(store: Redelivering, id: string, request: RedeliveryRequest): Promise<Redelivery> {
  const group = await store.groups.get(request.group);
  if (request.topic !== undefined && isSystemTopic(request.topic))
    throw badField("/topic", `A dead letter is delivered again by a redrive: POST /v1/groups/${group.name}/dlq/redrive.`);
  const { topic, message } = await findMessage(store, id, request.topic);
  const subscriptions = await store.subscriptions.getAll(group);
  if (!subscriptions.some(({ topicUid }) => topicUid === topic.uid)) {
    const path = `PUT /v1/groups/${group.name}/subscriptions/${topic.name}`;
    throw badField("/group", `Group '${group.name}' is not subscribed to topic '${topic.name}'. Subscribe it with ${path}.`);
  }
  const retry = await retryTopic(store, group, topic.name);
  if (!retry) throw new BrokerError("CONSUMER_GROUP_NOT_FOUND", `Group '${group.name}' was deleted.`);
  const copy = { ...message, once: request.once };
  const destination = new QueueDestination(store.producing, retry, 0, false);
  const [receipt] = await storeEntries(store.producing, retry.uid, [copy], destination);
  if (!receipt || BrokerError.is(receipt)) throw receipt ?? new Error("a redelivery had no result");
  if (!("offset" in receipt)) throw new Error("a redelivery was delayed");
  // Waiting receives may not know the retry topic yet. A change of the group makes them look up their topics again.
  store.producing.arrivals.ring(groupLane(group.uid));
  return { ...receipt, topic: topic.name, group: group.name, retryTopic: retry.name };
}
