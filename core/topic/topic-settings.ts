import { BrokerError } from "../errors.ts";
import { QUEUES_DEFAULT, RETENTION_HOURS_DEFAULT } from "../limits.ts";
import type { Nullable, TopicOptions, TopicSettings } from "../requests.ts";
import { mergeSettings } from "../store/merge-settings.ts";

export const TOPIC_DEFAULTS: TopicOptions = {
  type: "NORMAL",
  writeQueues: QUEUES_DEFAULT,
  readQueues: QUEUES_DEFAULT,
  retentionHours: RETENTION_HOURS_DEFAULT,
  flushMode: "ASYNC_FLUSH",
  perm: 6,
  rooms: [],
};

/** Merges `settings` into `current`. Settings left out stay, and `null` restores the default. Errors: BAD_REQUEST. */
export function mergeTopicSettings(current: TopicOptions, settings: Nullable<TopicSettings>): TopicOptions {
  const { queues } = settings;
  if (queues !== undefined && (settings.writeQueues !== undefined || settings.readQueues !== undefined)) {
    throw new BrokerError("BAD_REQUEST", "Give either queues, or writeQueues and readQueues.");
  }
  const counts = queues === undefined ? {} : { writeQueues: queues, readQueues: queues };
  const merged = mergeSettings(TOPIC_DEFAULTS, current, { ...settings, ...counts });
  if (merged.readQueues < merged.writeQueues) {
    throw new BrokerError(
      "BAD_REQUEST",
      `readQueues (${merged.readQueues}) must not be below writeQueues (${merged.writeQueues}): lower writeQueues first.`,
    );
  }
  return merged;
}
