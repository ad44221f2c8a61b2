import type { StoredMessage } from "../terms.ts";

/** What a filter may ask of a message; a view over encoded records can answer without decoding the rest. */
export interface FilteredMessage {
  readonly tag: string | undefined;
  /** A property as the producer set it, or RocketMQ's `KEYS`: the message's keys, separated by spaces. */
  property(name: string): string | undefined;
}

export const filteredMessage = ({ tag, keys, properties }: StoredMessage): FilteredMessage => ({
  tag,
  property: (name) => {
    if (name !== "KEYS") return properties.get(name);
    return keys.length === 0 ? undefined : keys.join(" ");
  },
});
