import { lagPage } from "../admin/lag-page.ts";
import { checkClientId } from "../assignment/client-id.ts";
import { BrokerError } from "../errors.ts";
import { progressKey } from "../keys.ts";
import { LAG_QUEUES_AT_ONCE } from "../limits.ts";
import { queueOf } from "../log/queue.ts";
import type { QueueBounds } from "../log/queue-reader.ts";
import { isRetryTopic } from "../names.ts";
import type { Item } from "../ports/item-store.ts";
import { progressOf, unsettledIn } from "../progress/progress.ts";
import type { CommittedOffset, GroupOffsetsRequest, ListPage, QueueOffset } from "../requests.ts";
import type { Subscription, Topic } from "../terms.ts";
import { visitedQueues } from "../topic/visited-queues.ts";
import { readClientOffsets } from "./client-offsets.ts";
import { type Committing, committedQueue } from "./committed-queue.ts";

/**
 * Where a group stands on a queue, or the client that keeps an offset of its own. A queue that nobody has read is at 0.
 * Errors: CONSUMER_GROUP_NOT_FOUND, TOPIC_NOT_FOUND, NOT_FOUND (no such subscription or queue), BAD_REQUEST (client id),
 * OFFSET_NOT_FOUND (the client has committed nothing there, or long ago).
 * Source: RocketMQ's QUERY_CONSUMER_OFFSET.
 */
export async function committedOffset(
  committing: Committing,
  groupName: string,
  { topic: topicName, queueId }: { readonly topic: string; readonly queueId: number },
  clientId?: string,
): Promise<CommittedOffset> {
  if (clientId !== undefined) checkClientId(clientId);
  const queue = await committedQueue(committing, groupName, topicName, queueId);
  const [found] = (await offsetsOf(committing, queue, [queueId], clientId)) as readonly [QueueOffset];
  const { offset, lag } = found;
  if (offset !== undefined && lag !== undefined) return { ...found, offset, lag };
  const detail = `Client '${clientId}' has committed no offset of its own for queue ${queueId} of topic '${topicName}'.`;
  throw new BrokerError("OFFSET_NOT_FOUND", detail);
}

/**
 * The same of all queues that consumers visit, by topic and queue. A page ends with a topic, before it would read too many queues.
 * Errors: CONSUMER_GROUP_NOT_FOUND, TOPIC_NOT_FOUND, NOT_FOUND (no such subscription), BAD_REQUEST (client id).
 */
export async function groupOffsets(
  committing: Committing,
  groupName: string,
  { topic: only, clientId, after }: GroupOffsetsRequest,
): Promise<ListPage<QueueOffset>> {
  if (clientId !== undefined) checkClientId(clientId);
  const subscriptions =
    only === undefined
      ? await subscriptionsOf(committing, groupName)
      : [(await committing.subscriptions.get(groupName, only)).subscription];
  const items = subscriptions.filter(({ topic }) => after === undefined || topic > after);
  const page = await lagPage(
    { items, next: undefined, complete: true },
    ({ topic }) => topic,
    async (subscription, budget) => {
      const topic = await committing.topics.lookUp(subscription.topic);
      if (topic?.uid !== subscription.topicUid) return { item: undefined, complete: true };
      const queues = visitedQueues(topic, committing.clock.nowMs());
      if (!budget.take(queues)) return { item: undefined, complete: false };
      const queueIds = Array.from({ length: queues }, (_, queueId) => queueId);
      return { item: await offsetsOf(committing, { subscription, topic }, queueIds, clientId), complete: true };
    },
  );
  return { ...page, items: page.items.flat() };
}

async function subscriptionsOf({ subscriptions }: Committing, groupName: string): Promise<readonly Subscription[]> {
  const all = await subscriptions.getAll(await subscriptions.groups.get(groupName));
  return all.filter(({ topic }) => !isRetryTopic(topic));
}

interface SubscribedTopic {
  readonly subscription: Subscription;
  readonly topic: Topic;
}

async function offsetsOf(
  committing: Committing,
  subscribed: SubscribedTopic,
  queueIds: readonly number[],
  clientId: string | undefined,
): Promise<readonly QueueOffset[]> {
  const { subscription, topic } = subscribed;
  const own = clientId === undefined ? undefined : await readClientOffsets(committing, subscribed, clientId);
  const offsets: QueueOffset[] = [];
  for (let from = 0; from < queueIds.length; from += LAG_QUEUES_AT_ONCE) {
    const some = queueIds.slice(from, from + LAG_QUEUES_AT_ONCE);
    // Before the bounds, so that what is committed meanwhile counts as lag, and no offset is behind the end.
    const items = own ? [] : await committing.items.batchGet(some.map((queueId) => progressKey(subscription.uid, queueId)));
    const read = some.map(async (queueId, index): Promise<QueueOffset> => {
      const bounds = await committing.log.reader.bounds(queueOf(topic, queueId));
      const standing = own ? clientStanding(own.of(queueId), bounds) : groupStanding(items[index], bounds);
      return { topic: topic.name, queueId, ...standing, ...bounds };
    });
    offsets.push(...(await Promise.all(read)));
  }
  return offsets;
}

type Standing = Pick<QueueOffset, "offset" | "lag">;

function groupStanding(item: Item | undefined, bounds: QueueBounds): Standing {
  const progress = item && progressOf(item);
  const { waiting, inFlight } = unsettledIn(bounds, progress);
  return { offset: progress?.next ?? 0, lag: waiting + inFlight };
}

const clientStanding = (offset: number | undefined, { minOffset, maxOffset }: QueueBounds): Standing => ({
  offset,
  lag: offset === undefined ? undefined : Math.max(0, maxOffset - Math.max(minOffset, offset)),
});
