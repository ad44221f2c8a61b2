import { z } from "zod";
import { instant, time } from "./shared.ts";

export const filter = z
  .strictObject({
    type: z.enum(["TAG", "SQL92"], "Must be TAG or SQL92."),
    expression: z.string("Must be a string."),
  })
  .meta({ id: "Filter", description: 'Which messages the group gets: tags such as "A || B", or "*" for all.' });

export const subscriptionSettings = z
  .strictObject({
    filter: filter.optional(),
    startFrom: z
      .union([z.enum(["latest", "earliest"]), z.strictObject({ timestamp: instant("Messages stored from then on.") })], {
        error: 'Must be "latest", "earliest" or {"timestamp": …}.',
      })
      .optional()
      .meta({ description: "Where a new subscription starts: latest where not given. Turned into offsets at this call." }),
  })
  .meta({ id: "SubscriptionSettings" });

export const subscription = z
  .object({
    group: z.string(),
    topic: z.string(),
    filter,
    version: z.number().int(),
    createdAt: time("When it was created."),
    updatedAt: time("When it last changed."),
  })
  .meta({ id: "Subscription" });

export const subscriptionDeletion = z
  .object({
    dryRun: z.literal(true),
    subscription,
    waiting: z.number().int().meta({ description: "Messages the group has not been handed yet." }),
    inFlight: z.number().int().meta({ description: "Messages it was handed and has not settled." }),
  })
  .meta({ id: "SubscriptionDeletion" });
