import { ORIGIN_PROPERTIES } from "../message/system-properties.ts";
import type { StoredMessage } from "../terms.ts";

/** The parts of a message that a filter may read. A view of encoded records can provide them without decoding the rest. */
export interface FilteredMessage {
  readonly tag: string | undefined;
  /** A property as it is stored, or RocketMQ's `KEYS`: the message's keys, separated by spaces. */
  property(name: string): string | undefined;
}

export const filteredMessage = (message: StoredMessage): FilteredMessage => ({
  tag: message.tag,
  property: (name) => propertyOf(message, name),
});

function propertyOf({ keys, properties, bornHost, traceContext }: StoredMessage, name: string): string | undefined {
  switch (name) {
    case "KEYS":
      return keys.length === 0 ? undefined : keys.join(" ");
    case ORIGIN_PROPERTIES.bornHost:
      return bornHost;
    case ORIGIN_PROPERTIES.traceContext:
      return traceContext;
    default:
      return properties.get(name);
  }
}
