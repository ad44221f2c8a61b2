import type { StoredMessage } from "../terms.ts";

/** The parts of a message that a filter may read. A view of encoded records can provide them without decoding the rest. */
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
