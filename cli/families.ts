import type { Family } from "./verb.ts";

/** Every verb, in the order of the help. */
export const FAMILIES: readonly Family[] = [
  {
    name: "topic",
    summary: "list, make, change and delete topics",
    load: async () => (await import("./verbs/topic.ts")).defineTopic,
  },
  {
    name: "group",
    summary: "list, make, change and delete consumer groups",
    load: async () => (await import("./verbs/group.ts")).defineGroup,
  },
  {
    name: "subscribe",
    summary: "what consumer groups get of which topics",
    load: async () => (await import("./verbs/subscribe.ts")).defineSubscribe,
  },
  { name: "send", summary: "send messages to a topic", load: async () => (await import("./verbs/send.ts")).defineSend },
  {
    name: "receive",
    summary: "receive messages of a group once",
    load: async () => (await import("./verbs/receive.ts")).defineReceive,
  },
  {
    name: "consume",
    summary: "run a command for each message of a group",
    load: async () => (await import("./verbs/consume.ts")).defineConsume,
  },
  { name: "tail", summary: "follow a topic", load: async () => (await import("./verbs/tail.ts")).defineTail },
  { name: "read", summary: "read a topic to its end", load: async () => (await import("./verbs/read.ts")).defineRead },
  { name: "find", summary: "find messages by key or id", load: async () => (await import("./verbs/find.ts")).defineFind },
  {
    name: "bench",
    summary: "measure how fast messages are sent and received",
    load: async () => (await import("./verbs/bench.ts")).defineBench,
  },
  {
    name: "lag",
    summary: "how far consumer groups are behind",
    load: async () => (await import("./verbs/lag.ts")).defineLag,
  },
  {
    name: "reset",
    summary: "move a group to another place in a topic",
    load: async () => (await import("./verbs/reset.ts")).defineReset,
  },
  {
    name: "dlq",
    summary: "look at dead letters, deliver them again, delete them",
    load: async () => (await import("./verbs/dlq.ts")).defineDlq,
  },
  {
    name: "scheduled",
    summary: "list, cancel and move delayed messages",
    load: async () => (await import("./verbs/scheduled.ts")).defineScheduled,
  },
  {
    name: "tx",
    summary: "list transactions, end them, receive checks",
    load: async () => (await import("./verbs/tx.ts")).defineTx,
  },
  {
    name: "context",
    summary: "remember endpoints and API keys by name",
    load: async () => (await import("./verbs/context.ts")).defineContext,
  },
  {
    name: "doctor",
    summary: "look at the connection and say what to do",
    load: async () => (await import("./verbs/doctor.ts")).defineDoctor,
  },
];
