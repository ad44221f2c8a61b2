import { z } from "zod";
import { CLIENT_ID_PATTERN } from "../../../core/assignment/client-id.ts";
import { QUEUES_MAX } from "../../../core/limits.ts";
import { MESSAGE_MODELS } from "../../../core/terms.ts";
import { boundary, count, instant, integer, listQuery, offset, page, pageExample, queueId, shownAs } from "./shared.ts";

const OFFSET = "Must be an offset: a string of digits.";

/** An offset in a body. */
const givenOffset = (description: string) =>
  z
    .string(OFFSET)
    .regex(/^\d{1,16}$/, OFFSET)
    .transform(Number)
    .refine(Number.isSafeInteger, OFFSET)
    .meta({ ...shownAs({ type: "string", pattern: "^\\d{1,16}$" }), description });

export const offsetReset = z
  .strictObject({
    topic: z.string("Must be the name of a topic."),
    queueId: integer(0, QUEUES_MAX - 1, "Every queue where not given.").optional(),
    to: z
      .enum(["earliest", "latest", "timestamp", "offset"], "Must be earliest, latest, timestamp or offset.")
      .meta({ id: "ResetTarget" }),
    timestamp: instant("With `to: timestamp`: the message that `boundary` says.").optional(),
    boundary: boundary.optional(),
    offset: givenOffset("With `to: offset`: from minOffset to maxOffset of each queue.").optional(),
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

const clientId = (description: string) => z.string("Must be a string.").meta({ pattern: CLIENT_ID_PATTERN, description });

export const offsetCommit = z
  .strictObject({
    offset: givenOffset("The next to be pulled: all before it is done."),
    generation: integer(1, Number.MAX_SAFE_INTEGER, "As the client's last heartbeat answered it; with `clientId`.").optional(),
    clientId: clientId("Who commits. Left out, with `generation`, by a client that does not heartbeat.").optional(),
    allowRewind: z.boolean("Must be true or false.").meta({ description: "Lets the offset go back." }).optional(),
    messageModel: z
      .enum(MESSAGE_MODELS, "Must be CLUSTERING or BROADCASTING.")
      .meta({
        id: "MessageModel",
        description: "CLUSTERING, where not given: the offset that the group shares. BROADCASTING: one of the client's own.",
      })
      .optional(),
  })
  .meta({ id: "OffsetCommit" });

export const offsetCommitReply = z.object({ offset: offset("What is committed.") }).meta({ id: "OffsetCommitReply" });

const ownOffsets = clientId(
  "Shows the offsets that this client keeps for itself (BROADCASTING), instead of the group's.",
).optional();

export const committedOffsetQuery = z.strictObject({ clientId: ownOffsets });
export const committedOffsetsQuery = z.strictObject({
  topic: z.string().meta({ description: "Every topic of the group where not given." }).optional(),
  clientId: ownOffsets,
  cursor: listQuery.cursor,
});

const queue = {
  topic: z.string(),
  queueId,
  minOffset: offset("First offset that is still stored."),
  maxOffset: offset("Next offset to be written."),
};
const NEXT = "The next to be pulled. Below minOffset where messages expired unread: then minOffset is.";
const LEFT = "Stored messages from there on, and those that receives hold.";

export const committedOffset = z.object({ ...queue, offset: offset(NEXT), lag: count(LEFT) }).meta({ id: "CommittedOffset" });
export const committedOffsetPage = page(
  z
    .object({
      ...queue,
      offset: offset(`${NEXT} Null where the client has committed none.`).nullable(),
      lag: count(`${LEFT} Null with the offset.`).nullable(),
    })
    .meta({ id: "QueueOffset" }),
  "QueueOffsetPage",
);

export const offsetCommitExample = { offset: "0", generation: 1, clientId: "10.0.0.7@billing-1" };
export const offsetCommitReplyExample = { offset: "0" };
export const committedOffsetExample = { topic: "orders", queueId: 0, minOffset: "0", maxOffset: "48", offset: "42", lag: 6 };
export const committedOffsetPageExample = pageExample(committedOffsetExample);

export const offsetResetExample = { topic: "orders", to: "timestamp", timestamp: "2026-11-29T06:00:00Z" };
export const offsetResetReplyExample = { queues: [{ queueId: 0, before: "48", after: "17" }] };
