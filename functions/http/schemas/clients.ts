import { z } from "zod";
import { CLIENT_ID_CHARS_MAX, NAME_CHARS_MAX, SUBSCRIPTIONS_MAX } from "../../../core/limits.ts";
import { assignedQueue } from "./assignment.ts";
import { count, distinct, listQuery, page, pageExample, plainName, time } from "./shared.ts";

const expiresAt = time("When it is a client no longer, unless it heartbeats before.");

export const heartbeatRequest = z
  .strictObject({
    subscriptions: z
      .array(z.string("Must be a string.").max(2 * NAME_CHARS_MAX, "Is too long."), "Must be an array of topics.")
      .min(1, "Must name at least one topic; leave it out for all.")
      .max(SUBSCRIPTIONS_MAX, `Must name at most ${SUBSCRIPTIONS_MAX} topics.`)
      .refine(distinct, "Names a topic twice.")
      .meta({ uniqueItems: true, description: "Topics it consumes; all that the group is subscribed to where not given." }),
    room: plainName.meta({ description: "Where it is, for assignments that go by rooms." }),
  })
  .partial()
  .meta({ id: "HeartbeatRequest" });

export const heartbeat = z
  .object({
    generation: count("Grows whenever the queues may be shared otherwise."),
    assignment: z.array(assignedQueue).meta({ description: "The queues that are its own, by topic and number." }),
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
  .meta({ id: "GroupClient" });

export const clientListQuery = z.strictObject({
  ...listQuery,
  prefix: z
    .string()
    .max(CLIENT_ID_CHARS_MAX, `Must have at most ${CLIENT_ID_CHARS_MAX} characters.`)
    .meta({ description: "First characters of the id." })
    .optional(),
});
export const clientPage = page(client, "GroupClientPage");

export const heartbeatRequestExample = { subscriptions: ["orders"], room: "az1" };
export const heartbeatExample = {
  generation: 7,
  assignment: [
    { topic: "orders", queueId: 0 },
    { topic: "orders", queueId: 1 },
  ],
  expiresAt: "2026-11-29T06:03:52.000Z",
};
export const clientPageExample = pageExample({
  id: "10.0.0.7@billing-1",
  subscriptions: ["orders"],
  room: "az1",
  firstSeenAt: "2026-11-29T06:01:22.000Z",
  lastSeenAt: "2026-11-29T06:01:52.000Z",
  expiresAt: "2026-11-29T06:03:52.000Z",
});
