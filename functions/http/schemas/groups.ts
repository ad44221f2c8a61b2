import { z } from "zod";
import {
  BACKOFF_SECONDS_MAX,
  BACKOFF_STEPS_MAX,
  LEASE_SECONDS_DEFAULT,
  LEASE_SECONDS_MAX,
  LEASE_SECONDS_MIN,
  MAX_ATTEMPTS_DEFAULT,
  MAX_ATTEMPTS_MAX,
} from "../../../core/limits.ts";
import { assignment } from "./assignment.ts";
import { lagExample, listedLagFields } from "./lag.ts";
import { count, dryRunDone, integer, listQuery, page, pageExample, queryBoolean, time } from "./shared.ts";
import { subscription, subscriptionExample } from "./subscriptions.ts";

const seconds = (min: number) => integer(min, BACKOFF_SECONDS_MAX, "Seconds.");

const backoffSteps = z
  .array(seconds(0))
  .min(1, "Must have at least one step.")
  .max(BACKOFF_STEPS_MAX, `Must have at most ${BACKOFF_STEPS_MAX} steps.`)
  .meta({ id: "BackoffSteps", description: "Seconds before each redelivery, the last repeated." });
const exponentialBackoff = z
  .strictObject({
    initialSeconds: seconds(0),
    multiplier: z.number("Must be a number.").min(1, "Must be at least 1.").max(100, "Must be at most 100."),
    maxSeconds: seconds(0),
  })
  .meta({ id: "ExponentialBackoff" });

const backoff = z
  .union([backoffSteps, exponentialBackoff], 'Must be a list of seconds or {"initialSeconds", "multiplier", "maxSeconds"}.')
  .meta({ id: "Backoff", description: "Seconds before each redelivery, the last repeated; or an exponential series." });

const settings = {
  ordered: z.boolean("Must be true or false.").meta({ description: "Each queue in order, on every type of topic." }),
  maxAttempts: integer(
    1,
    MAX_ATTEMPTS_MAX,
    `Deliveries before a message is dead-lettered; ${MAX_ATTEMPTS_DEFAULT} where not given.`,
  ),
  backoff,
  leaseSeconds: integer(
    LEASE_SECONDS_MIN,
    LEASE_SECONDS_MAX,
    `How long a received message stays hidden; ${LEASE_SECONDS_DEFAULT} where not given.`,
  ),
  paused: z.boolean("Must be true or false."),
  assignment,
};

export const groupSettings = z.strictObject(settings).partial().meta({ id: "GroupSettings" });

export const groupPatch = z
  .strictObject({
    ordered: settings.ordered.nullable(),
    maxAttempts: settings.maxAttempts.nullable(),
    backoff: settings.backoff.nullable(),
    leaseSeconds: settings.leaseSeconds.nullable(),
    paused: settings.paused.nullable(),
    assignment: settings.assignment.nullable(),
  })
  .partial()
  .meta({ id: "GroupPatch", description: "Merge patch: null restores a default." });

export const group = z
  .object({
    name: z.string(),
    ordered: z.boolean(),
    maxAttempts: count("Deliveries before a message is dead-lettered.", MAX_ATTEMPTS_MAX),
    backoff: settings.backoff,
    leaseSeconds: count("How long a received message stays hidden.", LEASE_SECONDS_MAX),
    paused: z.boolean(),
    assignment,
    createdAt: time("When it was created."),
    updatedAt: time("When it last changed."),
  })
  .meta({ id: "Group" });

const consumersOnline = count(
  "Clients whose heartbeat runs, or receives that waited at this server at once in about the last half minute, whichever is more.",
);

export const groupWithSubscriptions = z
  .object({ ...group.shape, subscriptions: z.array(subscription), consumersOnline })
  .meta({ id: "GroupWithSubscriptions" });

export const groupListQuery = z.strictObject({
  ...listQuery,
  withLag: queryBoolean("Adds the sums of each group's lag.").optional(),
});
const listedGroup = z
  .object({ ...group.shape, ...z.object({ ...listedLagFields, consumersOnline }).partial().shape })
  .meta({ id: "ListedGroup", description: "With its lag where the list was asked for it." });
export const groupPage = page(listedGroup, "GroupPage");

export const groupDeletion = z
  .object({
    dryRun: dryRunDone,
    group,
    subscriptions: z.array(z.string()).meta({ description: "Topics it would no longer be subscribed to." }),
    deadLetters: count("Dead letters that would go."),
  })
  .meta({ id: "GroupDeletion" });

export const groupSettingsExample = { maxAttempts: 5, backoff: [10, 60, 300], leaseSeconds: 60 };
export const groupPatchExample = { leaseSeconds: 120, backoff: null };
export const groupExample = {
  name: "billing",
  ordered: false,
  maxAttempts: 5,
  backoff: [10, 60, 300],
  leaseSeconds: 60,
  paused: false,
  assignment: "AVG",
  createdAt: "2026-11-29T06:01:51.914Z",
  updatedAt: "2026-11-29T06:01:51.914Z",
};
export const groupWithSubscriptionsExample = { ...groupExample, subscriptions: [subscriptionExample], consumersOnline: 1 };
export const groupPageExample = pageExample({ ...groupExample, ...lagExample, lagComplete: true, consumersOnline: 1 });
export const groupDeletionExample = { dryRun: true, group: groupExample, subscriptions: ["orders"], deadLetters: 3 };
