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
