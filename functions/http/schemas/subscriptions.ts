import { z } from "zod";
import { TAG_EXPRESSION_BYTES_MAX } from "../../../core/limits.ts";
import { count, dryRunDone, instant, time } from "./shared.ts";

export const filter = z
  .strictObject({
    type: z.enum(["TAG", "SQL92"], "Must be TAG or SQL92.").meta({ id: "FilterType" }),
    expression: z.string("Must be a string.").meta({ minLength: 1, maxLength: TAG_EXPRESSION_BYTES_MAX }),
  })
  .meta({ id: "Filter", description: 'Which messages the group gets: tags such as "A || B", or "*" for all.' });

const startPosition = z
  .enum(["latest", "earliest"])
  .meta({ id: "StartPosition", description: "After all that is stored, or with the first message that is." });
const startTimestamp = z.strictObject({ timestamp: instant("Messages stored from then on.") }).meta({ id: "StartTimestamp" });
const startFrom = z.union([startPosition, startTimestamp], 'Must be "latest", "earliest" or {"timestamp": …}.').meta({
  id: "StartFrom",
  description: "Where a new subscription starts: latest where not given. Turned into offsets at this call.",
});

export const subscriptionSettings = z
  .strictObject({ filter: filter.optional(), startFrom: startFrom.optional() })
  .meta({ id: "SubscriptionSettings" });

export const subscription = z
  .object({
    group: z.string(),
    topic: z.string(),
    filter,
    version: count("Counts its filters, from 1."),
    createdAt: time("When it was created."),
    updatedAt: time("When it last changed."),
  })
  .meta({ id: "Subscription" });

export const subscriptionDeletion = z
  .object({
    dryRun: dryRunDone,
    subscription,
    waiting: count("Messages the group has not been handed yet."),
    inFlight: count("Messages it was handed and has not settled."),
  })
  .meta({ id: "SubscriptionDeletion" });

const filterExample = { type: "SQL92", expression: "TAGS IN ('created', 'paid') AND region = 'eu'" };
export const subscriptionSettingsExample = { filter: filterExample, startFrom: "earliest" };
export const subscriptionExample = {
  group: "billing",
  topic: "orders",
  filter: filterExample,
  version: 1,
  createdAt: "2026-11-29T06:01:51.925Z",
  updatedAt: "2026-11-29T06:01:51.925Z",
};
export const subscriptionDeletionExample = { dryRun: true, subscription: subscriptionExample, waiting: 10, inFlight: 2 };
