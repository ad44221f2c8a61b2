import type { Filter } from "../../core/terms.ts";
import type { SeededRandom } from "../support/seeded-random.ts";
import type { Consuming, Scenario, Sending } from "./scenario.ts";

const GROUPS = ["a", "b", "c", "d"];
const KB = 1_000;
/** Too large for the table, even packed. */
const IN_OBJECTS = 25 * KB;

const sending: Sending = {
  producers: 2,
  pauseMs: [20, 1_500],
  batches: [1, 1, 1, 2, 5],
  bytes: (random) => (random.chance(0.2) ? random.pick([100, 900, IN_OBJECTS]) : 0),
};

const consuming: Consuming = {
  consumers: 3,
  pauseMs: 600,
  max: [1, 2, 4, 8, 32],
  waitMs: [0, 0, 2_000],
  leaseMs: [2_000, 4_000, 12_000],
  workMs: [0, 50, 500, 2_500, 5_000],
  attemptIds: ["new", "new", "own", "none"],
  abort: 0.15,
  die: 0.06,
  leave: 0.1,
  nack: 0.2,
  nackDelayMs: [0, 500, 4_000],
  countAttempt: 0.7,
  extend: 0.1,
  deadLetter: 0.03,
  beats: 0.1,
  singly: 0.2,
  duplicate: 0.15,
  contradict: 0.05,
};

const common = {
  weight: 4,
  runMs: [8_000, 14_000],
  topic: {},
  group: {},
  maxAttempts: [1, 2, 4, 17],
  sending,
  consuming,
  message: () => ({ prefix: "", fields: {} }),
} satisfies Scenario;

const inGroups = {
  topic: { type: "FIFO" },
  message: (random: SeededRandom) => {
    const messageGroup = random.pick(GROUPS);
    return { prefix: `${messageGroup}:`, fields: { messageGroup } };
  },
} satisfies Partial<Scenario>;

/** Filters that alternate: each matches one tag that the other does not. */
export const FILTERS: readonly Filter[] = [
  { type: "SQL92", expression: "TAGS IN ('both', 'first')" },
  { type: "TAG", expression: "both || second" },
];
const PREFIX_BY_TAG = { both: "", first: "?:", second: "?:", neither: "-:" } as const;

const filtered = {
  filter: { type: "SQL92", expression: "TAGS IS NOT NULL AND TAGS IN ('wanted')" } as Filter,
  message: (random: SeededRandom) =>
    random.chance(0.6) ? { prefix: "", fields: { tag: "wanted" } } : { prefix: "-:", fields: { tag: "other" } },
} satisfies Partial<Scenario>;

/** Frames in blocks, for the most part, which soon fill a segment. */
const filling: Sending = {
  ...sending,
  bytes: (random) => (random.chance(0.7) ? random.pick([60, 120, 120, 180, 180, 900, IN_OBJECTS]) : 0),
};

/** Messages with keys, many of them the same, and some with ids of their own. */
const named: Scenario["message"] = (random) => ({
  prefix: "",
  fields: {
    keys: Array.from({ length: random.integer(0, 2) }, () => random.pick(["a", "b", `k${random.integer(0, 20)}`])),
    ...(random.chance(0.1) && { messageId: `own-${random.integer(0, 5)}` }),
  },
});

/** Many writers at once to one queue: blocks stay open and grow while they are read. */
const crowd: Sending = { ...sending, producers: 3, pauseMs: [5, 60], batches: [1, 1, 2], bytes: () => 0, atOnce: 3, most: 70 };

/** Nobody dies, and nothing is left or repeated: so the liveness rules know everything that they need. */
const orderly: Consuming = {
  ...consuming,
  abort: 0,
  die: 0,
  leave: 0,
  duplicate: 0,
  contradict: 0,
  beats: 0,
  extend: 0,
};
const waiting: Consuming = {
  ...orderly,
  consumers: 4,
  pauseMs: 1_500,
  waitMs: [1_000, 3_000, 20_000],
  workMs: [0, 300],
  nackDelayMs: [0, 1_000, 5_000],
};
const bursts: Sending = { ...sending, producers: 1, pauseMs: [20, 9_000], batches: [1, 4], atOnce: 8, bytes: () => 0 };

export const SCENARIOS = {
  plain: common,
  filtered: { ...common, ...filtered },
  messageGroups: { ...common, ...inGroups, consuming: { ...consuming, contradict: 0.2 } },
  wholeQueue: { ...common, group: { ordered: true }, message: () => ({ prefix: "q:", fields: {} }) },
  mixed: {
    ...common,
    topic: { type: "MIXED" },
    message: (random) => {
      const messageGroup = random.chance(0.5) ? random.pick(GROUPS) : undefined;
      return messageGroup === undefined ? { prefix: "", fields: {} } : { prefix: `${messageGroup}:`, fields: { messageGroup } };
    },
  },
  /** Each message is given back and taken again on its own, under one attempt id. */
  parts: {
    ...common,
    faults: "none",
    queues: [1],
    maxAttempts: [17],
    sending: { ...sending, producers: 1, pauseMs: [500, 2_500], batches: [3, 6] },
    consuming: {
      ...consuming,
      consumers: 1,
      pauseMs: 200,
      max: [1, 1, 8],
      waitMs: [0],
      abort: 0,
      workMs: [50, 500, 1_500],
      attemptIds: ["own"],
      nack: 0.6,
      nackDelayMs: [0],
      countAttempt: 1,
      duplicate: 0.7,
      singly: 0,
      beats: 0,
      extend: 0,
    },
  },
  /** Leases are extended, by the first handles, for some of the messages. */
  heartbeats: {
    ...common,
    queues: [1],
    maxAttempts: [17],
    consuming: {
      ...consuming,
      max: [2, 4],
      waitMs: [0],
      leaseMs: [2_000, 3_000],
      workMs: [0, 500],
      abort: 0,
      beats: 0.6,
      nack: 0.1,
      extend: 0.2,
    },
  },
  /** Leases are shortened, and their messages settled about when they end. */
  shortened: {
    ...common,
    queues: [1],
    maxAttempts: [4, 17],
    consuming: { ...consuming, max: [1, 2, 4], leaseMs: [4_000, 12_000], shorten: 0.6, abort: 0 },
  },
  shortenedInOrder: {
    ...common,
    ...inGroups,
    queues: [1],
    consuming: { ...consuming, leaseMs: [4_000, 12_000], shorten: 0.6 },
  },
  /** One process: a client that goes away and asks again meets its own earlier request. */
  impatient: {
    ...common,
    soleProcess: true,
    queues: [1],
    sending: { ...sending, bytes: (random) => (random.chance(0.6) ? random.integer(700, 2 * KB) : 0) },
    consuming: { ...consuming, waitMs: [2_000], leaseMs: [12_000], abort: 0.5, attemptIds: ["new", "new", "own"] },
  },
  crowded: { ...common, queues: [1], runMs: [5_000], sending: crowd, consuming: { ...consuming, max: [4, 8, 32] } },
  crowdedFilter: {
    ...common,
    ...filtered,
    queues: [1],
    runMs: [5_000],
    sending: crowd,
    consuming: { ...consuming, max: [4, 8, 32] },
  },
  /** Bodies that fill an answer long before its number of messages does. */
  large: {
    ...common,
    weight: 1,
    faults: "none",
    runMs: [6_000],
    queues: [1, 2],
    sending: {
      ...sending,
      pauseMs: [300, 2_000],
      batches: [1, 2, 5],
      bytes: (random) => random.pick([0, 2 * KB, 300 * KB, 700 * KB]),
    },
    consuming: { ...consuming, abort: 0, max: [8, 32], maxBytes: [undefined, undefined, 1_000 * KB, 200 * KB] },
  },
  redrivenLarge: {
    ...common,
    weight: 1,
    runMs: [8_000],
    topic: { type: "PRIORITY", queues: 2 },
    maxAttempts: [2],
    operators: ["redriveAll"],
    sending: {
      ...sending,
      producers: 2,
      pauseMs: [100, 400],
      batches: [5],
      bytes: (random) => random.pick([0, 700 * KB, 700 * KB]),
      most: 15,
    },
    consuming: {
      ...consuming,
      consumers: 2,
      pauseMs: 100,
      max: [32],
      nack: 0,
      extend: 0,
      deadLetter: 0.9,
      workMs: [0],
      beats: 0,
    },
    message: () => ({ prefix: "", fields: { priority: 1 } }),
  },
  /** Nearly everything fails and waits long: claims move out of their item. */
  failing: {
    ...common,
    weight: 2,
    runMs: [20_000, 30_000],
    queues: [1],
    maxAttempts: [2, 4, 17],
    sending: { ...sending, batches: [1, 5, 20], pauseMs: [20, 1_000], most: 80 },
    consuming: {
      ...consuming,
      consumers: 8,
      max: [1, 2, 4, 8],
      workMs: [0, 50, 500],
      nack: 0.8,
      nackDelayMs: [500, 9_000, 12_000],
      extend: 0.05,
      singly: 0.5,
      abort: 0,
      die: 0.02,
    },
  },
  /** Heads that fail for long, and more messages behind them than an item has room for. */
  backlog: {
    ...common,
    ...inGroups,
    weight: 1,
    queues: [1],
    maxAttempts: [4, 17],
    sending: { ...sending, producers: 2, pauseMs: [20, 800], batches: [5, 40], bytes: () => 0, most: 200 },
    consuming: { ...consuming, max: [8, 32], nack: 0.5, nackDelayMs: [500, 9_000, 30_000] },
  },
  /** Very many groups whose heads fail, and few with very many messages: more of both than an item has room for. */
  busyGroups: {
    ...common,
    weight: 1,
    faults: "none",
    turns: true,
    topic: { type: "FIFO" },
    queues: [1],
    runMs: [60_000],
    maxAttempts: [17],
    sending: { ...sending, producers: 2, pauseMs: [20, 800], batches: [5, 40], bytes: () => 0, most: 150 },
    consuming: {
      ...orderly,
      consumers: 3,
      pauseMs: 400,
      max: [8, 32],
      waitMs: [0, 2_000],
      leaseMs: [12_000],
      workMs: [0, 200],
      nack: 0.5,
      nackDelayMs: [500, 9_000, 30_000],
      deadLetter: 0,
    },
    message: (random) => {
      const messageGroup = random.chance(0.6) ? random.pick(["a", "b"]) : `g${random.integer(0, 59)}`;
      return { prefix: `${messageGroup}:`, fields: { messageGroup } };
    },
  },
  /** An outage of the consumers: everything comes back, message by message. Then something new is sent. */
  outage: {
    ...common,
    weight: 1,
    soleProcess: true,
    faults: "none",
    prompt: true,
    queues: [1],
    runMs: [12_000],
    maxAttempts: [17],
    sending: { ...sending, producers: 1, pauseMs: [20, 3_500], batches: [90], bytes: () => 0, most: 270 },
    consuming: {
      ...orderly,
      consumers: 8,
      pauseMs: 6_000,
      max: [32],
      waitMs: [0, 2_000],
      leaseMs: [60_000],
      workMs: [0],
      nack: 1,
      nackDelayMs: [60_000],
      deadLetter: 0,
      singly: 1,
    },
  },
  alone: {
    ...common,
    soleProcess: true,
    faults: "none",
    prompt: true,
    maxAttempts: [17],
    runMs: [25_000],
    sending: { ...bursts, batches: [1, 6], atOnce: 2 },
    consuming: { ...waiting, pauseMs: 2_500, max: [1, 2, 8], nack: 0.4 },
  },
  /** Heads of message groups in their last delivery, settled by two consumers that do not know of each other. */
  lastAttempts: {
    ...common,
    ...inGroups,
    weight: 2,
    soleProcess: true,
    faults: "none",
    maxAttempts: [1, 2],
    consuming: { ...consuming, abort: 0, contradict: 0.4, deadLetter: 0.15 },
  },
  /** Few consumers that wait long, each on a handler that seldom notices other handlers' writes. */
  polling: {
    ...common,
    faults: "none",
    prompt: true,
    maxAttempts: [17],
    queues: [1],
    runMs: [40_000],
    sending: { ...sending, producers: 1, pauseMs: [10, 2_500], batches: [1], bytes: () => 0 },
    consuming: { ...waiting, consumers: 2, pauseMs: 200, max: [8, 32], waitMs: [20_000], nack: 0.05, nackDelayMs: [0] },
  },
  /** A few consumers that race for messages sent at once, each on another handler, and then wait for the next message. */
  racing: {
    ...common,
    faults: "none",
    prompt: true,
    maxAttempts: [17],
    queues: [1],
    runMs: [90_000],
    sending: {
      ...sending,
      producers: 1,
      pauseMs: [20, 300],
      batches: [1],
      bytes: () => 120,
      lulls: { after: [1, 30], ms: [12_000, 16_000] },
    },
    consuming: {
      ...waiting,
      consumers: 4,
      everyMs: 15_000,
      max: [4, 8],
      waitMs: [20_000],
      leaseMs: [12_000],
      workMs: [0],
      nack: 0,
      deadLetter: 0,
    },
  },
  reset: { ...common, operators: ["resetOffsets"] },
  resetInOrder: { ...common, ...inGroups, operators: ["resetOffsets"] },
  paused: { ...common, runMs: [20_000], operators: ["pause"] },
  resized: { ...common, operators: ["changeQueues"] },
  /** Often drained, so that a change of queues is possible. */
  resizedInOrder: {
    ...common,
    ...inGroups,
    faults: "none",
    runMs: [10_000],
    maxAttempts: [17],
    operators: ["changeQueuesOften"],
    sending: { ...sending, producers: 3, pauseMs: [50, 900], batches: [1], bytes: () => 0 },
    consuming: { ...orderly, consumers: 4, pauseMs: 60, waitMs: [0], workMs: [0, 10, 500], nack: 0, deadLetter: 0 },
  },
  refiltered: {
    ...common,
    filter: FILTERS[0] as Filter,
    operators: ["changeFilter"],
    message: (random) => {
      const tag = random.pick(Object.keys(PREFIX_BY_TAG) as (keyof typeof PREFIX_BY_TAG)[]);
      return { prefix: PREFIX_BY_TAG[tag], fields: { tag } };
    },
  },
  remade: { ...common, weight: 2, runMs: [14_000, 20_000], operators: ["remake"] },
  /** Lasting topics and groups stay prompt, whatever else is deleted. */
  remadeBeside: {
    ...common,
    weight: 1,
    faults: "none",
    prompt: true,
    maxAttempts: [17],
    runMs: [14_000, 20_000],
    operators: ["remake"],
    sending: { ...bursts, batches: [1, 6], atOnce: 2 },
    consuming: { ...waiting, max: [8, 32] },
  },
  redriven: {
    ...common,
    runMs: [14_000],
    topic: { type: "PRIORITY", queues: 2 },
    maxAttempts: [2],
    operators: ["redrive"],
    message: () => ({ prefix: "", fields: { priority: 1 } }),
  },
  /** Days pass: messages expire, and blocks and whole chains are deleted and begin anew. */
  expiring: {
    ...common,
    soleProcess: "half",
    ages: 4,
    retentionHours: [6, 24],
    runMs: [4_000],
    operators: ["changeRetention", "pull"],
    consuming: { ...consuming, max: [4, 8, 32], oversleep: 0.15, workMs: [0, 50, 500] },
  },
  /** The same where order is kept, and dead letters expire. */
  expiringInOrder: {
    ...common,
    ...inGroups,
    weight: 2,
    soleProcess: "half",
    ages: 4,
    retentionHours: [6, 24],
    runMs: [4_000],
    maxAttempts: [1, 2, 4],
    operators: ["changeRetention", "pull"],
    consuming: { ...consuming, max: [4, 8, 32], oversleep: 0.15, workMs: [0, 50, 500], deadLetter: 0.2 },
  },
  /** Queues are rolled to segments while everything else goes on, for days. */
  rolled: {
    ...common,
    weight: 2,
    ages: 3,
    retentionHours: [24, 72],
    runMs: [7_000],
    pace: 2,
    operators: ["roll", "changeRetention", "pull", "repeat", "askTimes", "lookUp", "makeBriefly"],
    sending: filling,
    message: named,
    consuming: { ...consuming, consumers: 2, max: [4, 8, 32], workMs: [0, 50, 500] },
  },
  /** The same in a process that is alone on its store, which drops what it has rolled. */
  rolledAlone: {
    ...common,
    weight: 1,
    soleProcess: true,
    losesReplies: true,
    ages: 3,
    retentionHours: [24, 72],
    runMs: [130_000, 160_000],
    pace: 40,
    operators: ["roll", "changeRetention", "pull", "repeat", "askTimes", "lookUp", "makeBriefly"],
    sending: { ...filling, producers: 1, pauseMs: [50, 6_000] },
    message: named,
    consuming: { ...consuming, consumers: 1, pauseMs: 20_000, max: [8, 32], waitMs: [0], workMs: [0, 50, 500], nack: 0.1 },
  },
  /** Some read without a group while others read with one. */
  pulled: { ...common, weight: 2, operators: ["pull"] },
  damaged: {
    ...common,
    weight: 2,
    damaged: true,
    topic: { flushMode: "ASYNC_FLUSH" },
    operators: ["damage"],
    sending: { ...sending, bytes: (random) => (random.chance(0.6) ? IN_OBJECTS : 0) },
  },
} as const satisfies Record<string, Scenario>;

export type ScenarioName = keyof typeof SCENARIOS;
