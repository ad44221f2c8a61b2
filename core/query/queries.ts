import type { MessageRequest, MessageWithGroups } from "./get-message.ts";
import type { MessagePage, MessageQuery } from "./query-messages.ts";
import type { Redelivery, RedeliveryRequest } from "./redeliver-message.ts";

/** The verbs for messages that are in their queues, wherever they are. */
export interface Queries {
  /** Messages of a topic, newest first. */
  queryMessages(topic: string, query: MessageQuery): Promise<MessagePage>;
  /** A message by its id, and what groups have done with it. Errors: MESSAGE_NOT_FOUND, MESSAGE_EXPIRED. */
  getMessage(id: string, request: MessageRequest): Promise<MessageWithGroups>;
  /** Delivers a message once more, to one group. */
  redeliverMessage(id: string, request: RedeliveryRequest): Promise<Redelivery>;
}
