import { z } from "zod";
import { listQuery, offset, time } from "./shared.ts";
import { subscription } from "./subscriptions.ts";

/** What a group has not settled, in one queue or summed up. */
export const lagFields = {
  lag: z.number().int().meta({ description: "Stored messages that wait, and those in flight." }),
  inFlight: z.number().int().meta({ description: "Handed out and not settled, or held back for their message group." }),
  unreadable: z.number().int().meta({ description: "Could not be read and were put aside; in none of the others." }),
  oldestUnackedAt: time("Store time of the oldest of them; null when there is none.").nullable(),
  oldestUnackedAgeSeconds: z.number().int().nullable().meta({ description: "Seconds since then." }),
};

/** The same as part of a list's item, there when the list was asked for it. */
export const listedLagFields = {
  ...lagFields,
  lagComplete: z
    .boolean()
    .meta({ description: "False where there are more queues than one request looks at: the sums are those of the first ones." }),
};

const queueLag = z
  .object({
    queueId: z.number().int(),
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
export const unreadableMessage = z
  .object({
    topic: z.string(),
    queueId: z.number().int(),
    offset: offset("Where it is stored."),
    reason: z.string(),
    putAsideAt: time("When a receive met it."),
  })
  .meta({ id: "UnreadableMessage" });

export const subscriberListQuery = z.strictObject(listQuery);
export const subscriber = z.object({ ...subscription.shape, ...listedLagFields }).meta({ id: "Subscriber" });
