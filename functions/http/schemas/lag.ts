import { z } from "zod";
import { count, listQuery, offset, page, pageExample, queueId, time } from "./shared.ts";
import { subscription, subscriptionExample } from "./subscriptions.ts";

/** The messages that a group has not settled, in one queue or summed up. */
const lagFields = {
  lag: count("Stored messages that wait, and those in flight."),
  inFlight: count("Handed out and not settled, or held back for their message group."),
  unreadable: count("Could not be read and were put aside; in none of the others."),
  oldestUnackedAt: time("Store time of the oldest of them; null when there is none.").nullable(),
  oldestUnackedAgeSeconds: count("Seconds since then.").nullable(),
};

/** The same as part of a list's item, present if the list was asked for it. */
export const listedLagFields = {
  ...lagFields,
  lagComplete: z
    .boolean()
    .meta({ description: "False where there are more queues than one request looks at: the sums are those of the first ones." }),
};

const queueLag = z
  .object({
    queueId,
    committed: offset("First offset not handed out yet; what a filter passed over lies before it."),
    minOffset: offset("First offset that is still stored."),
    maxOffset: offset("Next offset to be written."),
    ...lagFields,
  })
  .meta({ id: "QueueLag" });

const topicLag = z.object({ topic: z.string(), ...lagFields, queues: z.array(queueLag) }).meta({ id: "TopicLag" });

export const groupLagQuery = z.strictObject({ cursor: listQuery.cursor });

export const groupLag = z
  .object({
    group: z.string(),
    ...lagFields,
    topics: z.array(topicLag),
    nextCursor: z.string().nullable().meta({ description: "Continues with the next topics; null on the last page." }),
    complete: z.boolean().meta({ description: "False when further topics are left to nextCursor: the sums are of this page." }),
  })
  .meta({ id: "GroupLag" });

export const unreadableQuery = z.strictObject({ limit: listQuery.limit, cursor: listQuery.cursor });
const unreadableMessage = z
  .object({
    topic: z.string(),
    queueId,
    offset: offset("Where it is stored."),
    reason: z.string(),
    putAsideAt: time("When a receive met it."),
  })
  .meta({ id: "UnreadableMessage" });
export const unreadablePage = page(unreadableMessage, "UnreadableMessagePage");

export const subscriberListQuery = z.strictObject(listQuery);
export const subscriber = z.object({ ...subscription.shape, ...listedLagFields }).meta({ id: "Subscriber" });
export const subscriberPage = page(subscriber, "SubscriberPage");

export const lagExample = {
  lag: 12,
  inFlight: 2,
  unreadable: 0,
  oldestUnackedAt: "2026-11-29T06:01:51.941Z",
  oldestUnackedAgeSeconds: 95,
};
const queueLagExample = { queueId: 2, committed: "38", minOffset: "0", maxOffset: "48", ...lagExample };
export const groupLagExample = {
  group: "billing",
  ...lagExample,
  topics: [{ topic: "orders", ...lagExample, queues: [queueLagExample] }],
  nextCursor: null,
  complete: true,
};
export const unreadablePageExample = pageExample({
  topic: "orders",
  queueId: 2,
  offset: "17",
  reason: "wrong checksum",
  putAsideAt: "2026-11-29T06:02:10.000Z",
});
export const subscriberPageExample = pageExample({ ...subscriptionExample, ...lagExample, lagComplete: true });
