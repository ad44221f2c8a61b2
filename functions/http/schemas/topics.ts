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
import { lagExample, listedLagFields } from "./lag.ts";
import {
  count,
  dryRunDone,
  integer,
  listQuery,
  offset,
  page,
  pageExample,
  queryBoolean,
  queueId,
  shownAs,
  time,
} from "./shared.ts";

const type = z.enum(TOPIC_TYPES, `Must be one of ${TOPIC_TYPES.join(", ")}.`).meta({ id: "TopicType" });
const flushMode = z.enum(FLUSH_MODES, `Must be one of ${FLUSH_MODES.join(", ")}.`).meta({
  id: "FlushMode",
  description: "SYNC_FLUSH writes a segment object before it acknowledges.",
});
const perm = z.literal(PERMS, "Must be 2 (write), 4 (read) or 6 (both).").meta({
  id: "Perm",
  ...shownAs({ type: "integer", enum: PERMS }),
  description: "2 write, 4 read, 6 both.",
});

const settings = {
  type: type.meta({ description: "NORMAL where not given." }),
  queues: integer(1, QUEUES_MAX, `Sets writeQueues and readQueues; ${QUEUES_DEFAULT} where not given.`),
  writeQueues: integer(1, QUEUES_MAX, "Queues that sends choose from."),
  readQueues: integer(1, QUEUES_MAX, "Queues that consumers visit."),
  retentionHours: integer(RETENTION_HOURS_MIN, RETENTION_HOURS_MAX, `${RETENTION_HOURS_DEFAULT} where not given.`),
  flushMode,
  perm,
  rooms: rooms.meta({
    description: "Rooms dealt to its queues in turn, for assignments that go by rooms; none where not given.",
  }),
};

/** `queues` stands for both of the others. */
const QUEUES_ALONE = { dependentSchemas: { queues: { properties: { writeQueues: { not: {} }, readQueues: { not: {} } } } } };

export const topicSettings = z
  .strictObject(settings)
  .partial()
  .meta({ id: "TopicSettings", ...QUEUES_ALONE });

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
  .meta({ id: "TopicPatch", ...QUEUES_ALONE, description: "Merge patch: null restores a default." });

export const topic = z
  .object({
    name: z.string(),
    type,
    queues: count("Present while writeQueues and readQueues are equal.", QUEUES_MAX).optional(),
    writeQueues: count("Queues that sends choose from.", QUEUES_MAX),
    readQueues: count("Queues that consumers visit.", QUEUES_MAX),
    retentionHours: count("How long its messages are stored.", RETENTION_HOURS_MAX),
    flushMode,
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
const listedTopic = z
  .object({ ...topic.shape, ...z.object(listedLagFields).partial().shape })
  .meta({ id: "ListedTopic", description: "With the sums of its lag where the list was asked for them." });
export const topicPage = page(listedTopic, "TopicPage");

export const topicDeletion = z
  .object({
    dryRun: dryRunDone,
    topic,
    messages: count("Messages that would go."),
    groups: z.array(z.string()).meta({ description: "Groups that would lose their subscription." }),
  })
  .meta({ id: "TopicDeletion" });

export const queueList = z
  .object({
    items: z.array(
      z
        .object({
          queueId,
          readable: z.boolean(),
          writable: z.boolean(),
          minOffset: offset("First offset that is still stored."),
          maxOffset: offset("Next offset to be written."),
          lastStoredAt: time("When its last message was stored.").nullable(),
          tailBytes: count("Bytes in its newest block."),
        })
        .meta({ id: "Queue" }),
    ),
  })
  .meta({ id: "QueueList" });

export const topicSettingsExample = { type: "MIXED", queues: 4, retentionHours: 72 };
export const topicPatchExample = { retentionHours: 168, flushMode: null };
export const topicExample = {
  name: "orders",
  type: "MIXED",
  queues: 4,
  writeQueues: 4,
  readQueues: 4,
  retentionHours: 72,
  flushMode: "ASYNC_FLUSH",
  perm: 6,
  rooms: [],
  createdAt: "2026-11-29T06:01:51.902Z",
  updatedAt: "2026-11-29T06:01:51.902Z",
};
export const topicPageExample = pageExample({ ...topicExample, ...lagExample, lagComplete: true });
export const topicDeletionExample = { dryRun: true, topic: topicExample, messages: 48, groups: ["billing"] };
export const queueListExample = {
  items: [
    {
      queueId: 0,
      readable: true,
      writable: true,
      minOffset: "0",
      maxOffset: "48",
      lastStoredAt: "2026-11-29T06:01:51.941Z",
      tailBytes: 9_120,
    },
  ],
};
