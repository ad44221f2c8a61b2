import { BrokerError } from "../errors.ts";
import { QUEUES_DEFAULT, RETENTION_HOURS_DEFAULT } from "../limits.ts";
import type { Nullable, TopicSettings } from "../requests.ts";
import type { Topic } from "../terms.ts";

type Configurable = Pick<Topic, "type" | "writeQueues" | "readQueues" | "retentionHours" | "flushMode" | "perm" | "rooms">;

export const TOPIC_DEFAULTS: Configurable = {
  type: "NORMAL",
  writeQueues: QUEUES_DEFAULT,
  readQueues: QUEUES_DEFAULT,
  retentionHours: RETENTION_HOURS_DEFAULT,
  flushMode: "ASYNC_FLUSH",
  perm: 6,
  rooms: [],
};

/** Merges `settings` into `current`. Settings left out stay, and `null` restores the default. Errors: BAD_REQUEST. */
export function mergeTopicSettings(current: Configurable, settings: Nullable<TopicSettings>): Configurable {
  const { queues } = settings;
  if (queues !== undefined && (settings.writeQueues !== undefined || settings.readQueues !== undefined)) {
    throw new BrokerError("BAD_REQUEST", "Give either queues, or writeQueues and readQueues.");
  }
  const merged: Configurable = {
    type: pick(settings.type, current.type, TOPIC_DEFAULTS.type),
    writeQueues: pick(queues === undefined ? settings.writeQueues : queues, current.writeQueues, TOPIC_DEFAULTS.writeQueues),
    readQueues: pick(queues === undefined ? settings.readQueues : queues, current.readQueues, TOPIC_DEFAULTS.readQueues),
    retentionHours: pick(settings.retentionHours, current.retentionHours, TOPIC_DEFAULTS.retentionHours),
    flushMode: pick(settings.flushMode, current.flushMode, TOPIC_DEFAULTS.flushMode),
    perm: pick(settings.perm, current.perm, TOPIC_DEFAULTS.perm),
    rooms: pick(settings.rooms, current.rooms, TOPIC_DEFAULTS.rooms),
  };
  if (merged.readQueues < merged.writeQueues) {
    throw new BrokerError(
      "BAD_REQUEST",
      `readQueues (${merged.readQueues}) must not be below writeQueues (${merged.writeQueues}): lower writeQueues first.`,
    );
  }
  return merged;
}

export const sameTopicSettings = (a: Configurable, b: Configurable): boolean =>
  (Object.keys(TOPIC_DEFAULTS) as (keyof Configurable)[]).every((name) => JSON.stringify(a[name]) === JSON.stringify(b[name]));

function pick<T>(given: T | null | undefined, current: T, fallback: T): T {
  if (given === undefined) return current;
  return given === null ? fallback : given;
}
