import type { RetryTopics } from "../dead-letter/retry-topic.ts";
import type { GroupRegistry } from "../group/group-registry.ts";
import type { Reading } from "../ports/reading.ts";
import type { Producing } from "../produce/producing.ts";
import type { LeaseClock } from "../progress/lease-clock.ts";
import { answering } from "../store/store-errors.ts";
import type { KeySource } from "./candidates.ts";
import { getMessage } from "./get-message.ts";
import type { Queries } from "./queries.ts";
import { queryMessages } from "./query-messages.ts";
import { redeliverMessage } from "./redeliver-message.ts";

export interface QueryDependencies extends Pick<RetryTopics, "subscriptions"> {
  readonly groups: GroupRegistry;
  /** That of receives. */
  readonly leaseClock: LeaseClock;
  readonly keySource: KeySource;
}

/** Looking up messages that are in their queues. */
export function createQueries(
  producing: Producing & { readonly reading: Reading },
  { groups, subscriptions, leaseClock, keySource }: QueryDependencies,
): Queries {
  const { items, clock, random, topics, log, reading } = producing;
  const querying = {
    topics,
    log,
    clock,
    reading,
    keySource,
    states: { items, clock: leaseClock },
  };
  const redelivering = { ...querying, items, random, groups, subscriptions, producing };
  return {
    queryMessages: (topic, query) => answering(() => queryMessages(querying, topic, query), { topic }),
    getMessage: (id, request) => answering(() => getMessage(querying, id, request)),
    redeliverMessage: (id, request) => answering(() => redeliverMessage(redelivering, id, request)),
  };
}
