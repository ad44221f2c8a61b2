/** Groups of routes, in the order the documentation shows them. */
export const TAGS = {
  Topics: "Named streams of messages, split into queues.",
  "Groups and subscriptions": "Consumer groups share the messages of the topics they are subscribed to.",
  Clients: "Consumers that pull ask their group which queues are their own.",
  "Lag and offsets": "How far groups are behind, and moving them elsewhere.",
  Send: "A send is answered once its message is durable.",
  "Delayed messages": "Messages that are delivered later can be listed, moved and cancelled.",
  Transactions: "Messages that are delivered only if their transaction commits.",
  Pull: "Reading queues by offset, without a group.",
  Queries: "Messages are found by key, time, content and id, and delivered once more.",
  "Receive and settle": "A received message is leased until it is settled.",
  "Dead letters": "Messages that were delivered too often wait here to be looked at, deleted or delivered again.",
  Operations: "Health, the stored format, and this documentation.",
} as const;

export type Tag = keyof typeof TAGS;
