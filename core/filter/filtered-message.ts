import { ORIGIN_PROPERTIES } from "../message/origin.ts";
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

function propertyOf(message: StoredMessage, name: string): string | undefined {
  switch (name) {
    case "KEYS":
      return message.keys.length === 0 ? undefined : message.keys.join(" ");
    case ORIGIN_PROPERTIES.bornHost:
      return message.bornHost;
    case ORIGIN_PROPERTIES.traceContext:
      return message.traceContext;
    case ORIGIN_PROPERTIES.deliverAtMs:
      return message.deliverAtMs === undefined ? undefined : String(message.deliverAtMs);
    case ORIGIN_PROPERTIES.transactionId:
      return message.transactionId;
    default:
      return message.properties.get(name);
  }
}
