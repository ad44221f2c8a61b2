import { z } from "zod";
import { CLIENT_ID_RULE, isClientId } from "../../../core/client/client-id.ts";
import { CLIENTS_MAX, CONFIGURED_QUEUES_MAX, QUEUES_MAX, ROOMS_MAX } from "../../../core/limits.ts";
import { type AssignedQueue, PLAIN_STRATEGIES } from "../../../core/terms.ts";
import { inPlainWords } from "../validation-words.ts";
import { distinct, integer, plainName } from "./shared.ts";

export const rooms = z
  .array(plainName, "Must be an array of names.")
  .max(ROOMS_MAX, `Must name at most ${ROOMS_MAX} rooms.`)
  .refine(distinct, "Names a room twice.");

const assignedQueue = z.strictObject({
  topic: plainName,
  queueId: integer(0, QUEUES_MAX - 1, "Number of the queue."),
});
const assignedQueues = z.array(assignedQueue, "Must be an array of queues.").min(1, "Must name at least one queue.");
const queuesByClient = z.record(z.string(), assignedQueues).meta({ description: "The queues of each client, by its id." });

/** A record without the names that prototypes have, which z.record leaves out in silence. */
const configuredQueues = z
  .custom<Readonly<Record<string, readonly AssignedQueue[]>>>(
    (value) => typeof value === "object" && value !== null && !Array.isArray(value),
    "Must be an object with a list of queues for each client id.",
  )
  .superRefine((queues, context) => {
    const refuse = (path: PropertyKey[], message: string) => context.addIssue({ code: "custom", path, message });
    const all: string[] = [];
    const clients = Object.entries(queues);
    if (clients.length > CLIENTS_MAX) return refuse([], `Must name at most ${CLIENTS_MAX} clients.`);
    for (const [id, some] of clients) {
      if (!isClientId(id)) refuse([id], CLIENT_ID_RULE);
      const { error, data = [] } = assignedQueues.safeParse(some, { error: inPlainWords, reportInput: true });
      for (const issue of error?.issues ?? []) context.addIssue({ ...issue, path: [id, ...issue.path] });
      all.push(...data.map(({ topic, queueId }) => `${topic} ${queueId}`));
    }
    if (all.length > CONFIGURED_QUEUES_MAX) refuse([], `Must name at most ${CONFIGURED_QUEUES_MAX} queues.`);
    if (!distinct(all)) refuse([], "Names a queue twice: each has one owner.");
  })
  .meta({ type: "object", additionalProperties: { type: "array" }, description: "The queues of each client, by its id." });

const machineRoom = z.strictObject({
  strategy: z.literal("MACHINE_ROOM"),
  rooms: rooms.min(1, "Must name at least one room.").meta({ description: "Rooms whose queues all clients share." }),
});

const FORMS = `Must be one of ${PLAIN_STRATEGIES.join(", ")}, {"strategy": "CONFIG", "queues": {…}} or {"strategy": "MACHINE_ROOM", "rooms": […]}.`;
const description = "How the queues of each topic are shared among the clients; AVG where not given.";

export const assignmentSetting = z
  .union(
    [z.enum(PLAIN_STRATEGIES), z.strictObject({ strategy: z.literal("CONFIG"), queues: configuredQueues }), machineRoom],
    FORMS,
  )
  .meta({ description });

export const assignment = z
  .union([z.enum(PLAIN_STRATEGIES), z.object({ strategy: z.literal("CONFIG"), queues: queuesByClient }), machineRoom])
  .meta({ id: "Assignment", description });
