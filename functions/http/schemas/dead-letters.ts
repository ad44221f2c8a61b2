import { z } from "zod";
import { REDRIVE_IDS_MAX, REDRIVE_RATE_MAX } from "../../../core/limits.ts";
import { storedExample, storedFields, unreadable } from "./messages.ts";
import {
  atMostOneOf,
  count,
  dryRunDone,
  INT32_MAX,
  integer,
  listQuery,
  offset,
  pageExample,
  pageFields,
  queueId,
  time,
} from "./shared.ts";
import { filter } from "./subscriptions.ts";

export const deadLetterListQuery = z.strictObject({ limit: listQuery.limit, cursor: listQuery.cursor });

export const deadLetter = z
  .object({
    id: z.string().meta({ description: "Names this dead letter: its dlqOffset, a hyphen and its messageId." }),
    ...storedFields,
    topic: z.string().meta({ description: "Topic it died in." }),
    queueId: queueId.meta({ description: "Queue it died in." }),
    offset: offset("Its place in the queue it died in."),
    attempts: count("Deliveries before it died.", INT32_MAX),
    reason: z.string().meta({ description: "Why it died." }),
    deadAt: time("When it died."),
    dlqOffset: offset("Its place among the group's dead letters."),
  })
  .meta({ id: "DeadLetter" });

export const deadLetterPage = z
  .object({
    ...pageFields(deadLetter),
    unreadable: unreadable("By their dlqOffset, dead letters of this page that are stored and cannot be read.").optional(),
  })
  .meta({ id: "DeadLetterPage" });

export const deadLetterDeletion = z.object({ dryRun: dryRunDone, deadLetter }).meta({ id: "DeadLetterDeletion" });

export const purgeRequest = z
  .strictObject({ confirm: z.string("Must be the group's name.").meta({ description: "The group's name." }) })
  .meta({ id: "PurgeRequest" });

export const purgeReply = z.object({ purged: count("Dead letters that were deleted.") }).meta({ id: "PurgeReply" });

export const redriveRequest = z
  .strictObject({
    ids: z
      .array(z.string("Must be a string."), "Must be an array of ids.")
      .min(1, "Must name at least one dead letter.")
      .max(REDRIVE_IDS_MAX, `Must name at most ${REDRIVE_IDS_MAX} dead letters.`)
      .optional()
      .meta({ description: "Ids as the list shows them; those that are gone are passed over." }),
    filter: filter.optional(),
    ratePerSecond: integer(1, REDRIVE_RATE_MAX, "Messages a second at most; as fast as it goes where not given.").optional(),
    target: z
      .string("Must be a topic's name.")
      .min(1, "Must be a topic's name.")
      .optional()
      .meta({ description: "Topic they go to; back to this group alone where not given." }),
    dryRun: z.boolean("Must be true or false.").optional().meta({ description: "Moves nothing and answers how many it would." }),
  })
  .refine(({ ids, filter: chosen }) => ids === undefined || chosen === undefined, "Give either ids or filter.")
  .meta({
    id: "RedriveRequest",
    dependentSchemas: atMostOneOf("ids", "filter"),
    description: "All dead letters there are, where neither ids nor filter is given.",
  });

const redriveCount = z
  .object({
    dryRun: dryRunDone,
    matched: count("Dead letters it would move."),
    complete: z.boolean().meta({ description: "False when there was no time to look at all of them." }),
  })
  .meta({ id: "RedriveCount" });

export const redriveJob = z
  .object({
    jobId: z.string(),
    state: z.enum(["RUNNING", "DONE", "FAILED"]).meta({ id: "RedriveState" }),
    moved: count("Dead letters it has moved."),
    unreadable: count("Dead letters it passed over because they cannot be read: they stay."),
    remaining: count("Dead letters not looked at yet, at most."),
    failure: z.string().optional().meta({ description: "Why it failed." }),
  })
  .meta({ id: "RedriveJob" });

export const redriveReply = z
  .union([redriveJob, redriveCount])
  .meta({ id: "RedriveReply", description: "The job; or how many it would move, for dryRun." });

export const deadLetterExample = {
  id: "0-01A225E5444586D2252872AFEF9F0000",
  ...storedExample,
  queueId: 2,
  offset: "0",
  attempts: 5,
  reason: "The order has no total.",
  deadAt: "2026-11-29T06:07:30.000Z",
  dlqOffset: "0",
};
export const deadLetterPageExample = pageExample(deadLetterExample);
export const deadLetterDeletionExample = { dryRun: true, deadLetter: deadLetterExample };
export const purgeRequestExample = { confirm: "billing" };
export const purgeReplyExample = { purged: 3 };
export const redriveRequestExample = { ids: [deadLetterExample.id], ratePerSecond: 100 };
export const redriveJobExample = { jobId: "01A225E5452C81BB04FA1B6E7C10", state: "DONE", moved: 1, unreadable: 0, remaining: 0 };
export const redriveGoingOnExample = { ...redriveJobExample, state: "RUNNING", moved: 2_400, remaining: 7_600 };
