import { z } from "zod";
import { QUEUES_MAX } from "../../../core/limits.ts";
import { boundary, instant, integer, offset, queueId, shownAs } from "./shared.ts";

const OFFSET = "Must be an offset: a string of digits.";

export const offsetReset = z
  .strictObject({
    topic: z.string("Must be the name of a topic."),
    queueId: integer(0, QUEUES_MAX - 1, "Every queue where not given.").optional(),
    to: z
      .enum(["earliest", "latest", "timestamp", "offset"], "Must be earliest, latest, timestamp or offset.")
      .meta({ id: "ResetTarget" }),
    timestamp: instant("With `to: timestamp`: the message that `boundary` says.").optional(),
    boundary: boundary.optional(),
    offset: z
      .string(OFFSET)
      .regex(/^\d{1,16}$/, OFFSET)
      .transform(Number)
      .refine(Number.isSafeInteger, OFFSET)
      .meta({
        ...shownAs({ type: "string", pattern: "^\\d{1,16}$" }),
        description: "With `to: offset`: from minOffset to maxOffset of each queue.",
      })
      .optional(),
    dryRun: z.boolean("Must be true or false.").meta({ description: "Changes nothing and answers what would be." }).optional(),
  })
  .meta({
    id: "OffsetReset",
    // A timestamp or an offset is given exactly with the `to` that names it.
    dependentSchemas: {
      timestamp: { properties: { to: { const: "timestamp" } } },
      boundary: { properties: { to: { const: "timestamp" } } },
      offset: { properties: { to: { const: "offset" } } },
      to: {
        anyOf: [
          { properties: { to: { enum: ["earliest", "latest"] } } },
          { properties: { timestamp: {} }, required: ["timestamp"] },
          { properties: { offset: {} }, required: ["offset"] },
        ],
      },
    },
  });

export type OffsetResetBody = z.output<typeof offsetReset>;

export const offsetResetReply = z
  .object({
    queues: z.array(
      z
        .object({
          queueId,
          before: offset("Next offset to be handed out, before."),
          after: offset("The same, from now on."),
        })
        .meta({ id: "QueueReset" }),
    ),
  })
  .meta({ id: "OffsetResetReply" });

export const offsetResetExample = { topic: "orders", to: "timestamp", timestamp: "2026-11-29T06:00:00Z" };
export const offsetResetReplyExample = { queues: [{ queueId: 0, before: "48", after: "17" }] };
