import { z } from "zod";
import { CLIENT_ID_CHARS_MAX, NAME_CHARS_MAX, SUBSCRIPTIONS_MAX } from "../../../core/limits.ts";
import { distinct, listQuery, page, plainName, time } from "./shared.ts";

const expiresAt = time("When it is a client no longer, unless it heartbeats before.");

export const heartbeatRequest = z
  .strictObject({
    subscriptions: z
      .array(z.string("Must be a string.").max(2 * NAME_CHARS_MAX, "Is too long."), "Must be an array of topics.")
      .min(1, "Must name at least one topic; leave it out for all.")
      .max(SUBSCRIPTIONS_MAX, `Must name at most ${SUBSCRIPTIONS_MAX} topics.`)
      .refine(distinct, "Names a topic twice.")
      .meta({ description: "Topics it consumes; all that the group is subscribed to where not given." }),
    room: plainName.meta({ description: "Where it is, for assignments that go by rooms." }),
  })
  .partial()
  .meta({ id: "HeartbeatRequest" });

export const heartbeat = z
  .object({
    generation: z.number().int().meta({ description: "Grows whenever the queues may be shared otherwise." }),
    assignment: z
      .array(z.object({ topic: z.string(), queueId: z.number().int() }))
      .meta({ description: "The queues that are its own, by topic and number." }),
    expiresAt,
  })
  .meta({ id: "Heartbeat" });

export const client = z
  .object({
    id: z.string(),
    subscriptions: z.array(z.string()).meta({ description: "Topics it consumes." }),
    room: z.string().nullable(),
    firstSeenAt: time("Its first heartbeat since it came."),
    lastSeenAt: time("Its last heartbeat."),
    expiresAt,
  })
  .meta({ id: "Client" });

export const clientListQuery = z.strictObject({
  ...listQuery,
  prefix: z
    .string()
    .max(CLIENT_ID_CHARS_MAX, `Must have at most ${CLIENT_ID_CHARS_MAX} characters.`)
    .meta({ description: "First characters of the id." })
    .optional(),
});
export const clientPage = page(client);
