import { z } from "zod";
import {
  QUEUES_DEFAULT,
  QUEUES_MAX,
  RETENTION_HOURS_DEFAULT,
  RETENTION_HOURS_MAX,
  RETENTION_HOURS_MIN,
} from "../../../core/limits.ts";
import { FLUSH_MODES, PERMS, TOPIC_TYPES } from "../../../core/terms.ts";
import { rooms } from "./assignment.ts";
import { listedLagFields } from "./lag.ts";
import { integer, listQuery, offset, page, queryBoolean, time } from "./shared.ts";

const type = z.enum(TOPIC_TYPES, `Must be one of ${TOPIC_TYPES.join(", ")}.`);
const perm = z.literal(PERMS, "Must be 2 (write), 4 (read) or 6 (both).").meta({ description: "2 write, 4 read, 6 both." });

const settings = {
  type: type.meta({ description: "NORMAL where not given." }),
  queues: integer(1, QUEUES_MAX, `Sets writeQueues and readQueues; ${QUEUES_DEFAULT} where not given.`),
  writeQueues: integer(1, QUEUES_MAX, "Queues that sends choose from."),
  readQueues: integer(1, QUEUES_MAX, "Queues that consumers visit."),
  retentionHours: integer(RETENTION_HOURS_MIN, RETENTION_HOURS_MAX, `${RETENTION_HOURS_DEFAULT} where not given.`),
  flushMode: z
    .enum(FLUSH_MODES, `Must be one of ${FLUSH_MODES.join(", ")}.`)
    .meta({ description: "SYNC_FLUSH writes a segment object before it acknowledges." }),
  perm,
  rooms: rooms.meta({
    description: "Rooms dealt to its queues in turn, for assignments that go by rooms; none where not given.",
  }),
};

export const topicSettings = z.strictObject(settings).partial().meta({ id: "TopicSettings" });

export const topicPatch = z
  .strictObject({
    type: settings.type.nullable(),
    queues: settings.queues.nullable(),
    writeQueues: settings.writeQueues.nullable(),
    readQueues: settings.readQueues.nullable(),
    retentionHours: settings.retentionHours.nullable(),
    flushMode: settings.flushMode.nullable(),
    perm: settings.perm.nullable(),
    rooms: settings.rooms.nullable(),
  })
  .partial()
  .meta({ id: "TopicPatch", description: "Merge patch: null restores a default." });

export const topic = z
  .object({
    name: z.string(),
    type,
    queues: z.number().int().optional().meta({ description: "Present while writeQueues and readQueues are equal." }),
    writeQueues: z.number().int(),
    readQueues: z.number().int(),
    retentionHours: z.number().int(),
    flushMode: z.enum(FLUSH_MODES),
    perm,
    rooms: z.array(z.string()),
    createdAt: time("When it was created."),
    updatedAt: time("When it last changed."),
  })
  .meta({ id: "Topic" });

export const topicListQuery = z.strictObject({
  ...listQuery,
  type: type.optional(),
  withLag: queryBoolean("Adds the sums of the lag of all groups that read each topic.").optional(),
});
export const topicPage = page(z.object({ ...topic.shape, ...z.object(listedLagFields).partial().shape }));

export const topicDeletion = z
  .object({
    dryRun: z.literal(true),
    topic,
    messages: z.number().int().meta({ description: "Messages that would go." }),
    groups: z.array(z.string()).meta({ description: "Groups that would lose their subscription." }),
  })
  .meta({ id: "TopicDeletion" });

export const queueList = z
  .object({
    items: z.array(
      z.object({
        queueId: z.number().int(),
        readable: z.boolean(),
        writable: z.boolean(),
        minOffset: offset("First offset that is still stored."),
        maxOffset: offset("Next offset to be written."),
        lastStoredAt: time("When its last message was stored.").nullable(),
        tailBytes: z.number().int().meta({ description: "Bytes in its newest block." }),
      }),
    ),
  })
  .meta({ id: "QueueList" });
