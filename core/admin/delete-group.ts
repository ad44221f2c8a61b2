import { countOpen } from "../dead-letter/read-open.ts";
import { BrokerError } from "../errors.ts";
import type { SubscriptionRegistry } from "../group/subscription-registry.ts";
import { topicKey } from "../keys.ts";
import type { QueueLog } from "../log/queue-log.ts";
import { deadLetterTopicName, isRetryTopic } from "../names.ts";
import type { ItemStore } from "../ports/item-store.ts";
import type { GroupDeletion, VersionMatch } from "../requests.ts";
import { finishing } from "../store/store-errors.ts";
import { checkVersion } from "../store/version-match.ts";
import type { Subscription } from "../terms.ts";
import { topicOf } from "../topic/topic-codec.ts";
import type { TopicRegistry } from "../topic/topic-registry.ts";

interface Dependencies {
  readonly items: ItemStore;
  readonly log: QueueLog;
  readonly topics: TopicRegistry;
  readonly subscriptions: SubscriptionRegistry;
}

/** Deletes a group with its subscriptions, its progress and its dead-letter topic. Its handles are void. */
export async function deleteGroup(
  store: Dependencies,
  name: string,
  options: { dryRun: boolean; ifMatch?: VersionMatch | undefined },
): Promise<GroupDeletion> {
  const { groups } = store.subscriptions;
  const group = await groups.get(name);
  checkVersion(group, options.ifMatch);
  const subscriptions = await store.subscriptions.getAll(group);
  const deadLetters = await store.topics.lookUp(deadLetterTopicName(name));
  const deletion = {
    group,
    subscriptions: subscriptions.map(({ topic }) => topic).filter((topic) => !isRetryTopic(topic)),
    deadLetters: deadLetters ? (await countOpen(store, deadLetters)).open : 0,
  };
  if (options.dryRun) return deletion;
  if (!(await groups.remove(group)))
    throw new BrokerError("PRECONDITION_FAILED", "The group was changed meanwhile. Read it again and decide anew.");
  await finishing(() => removeSubscriptions(store, group.uid, subscriptions));
  return deletion;
}

async function removeSubscriptions(store: Dependencies, groupUid: string, subscriptions: readonly Subscription[]): Promise<void> {
  for (const subscription of subscriptions) {
    const item = await store.items.get(topicKey(subscription.topic));
    const topic = item && topicOf(item);
    // The topic goes first, because only the subscription leads to it.
    if (topic && isRetryTopic(topic.name) && topic.uid === subscription.topicUid) await store.topics.remove(topic);
    await store.subscriptions.unsubscribe(groupUid, subscription, topic?.queuesEver ?? 0);
  }
}
