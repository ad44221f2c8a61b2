import type { GroupSettings, TopicSettings } from "../../core/broker.ts";
import type { Filter, MessageInput } from "../../core/terms.ts";
import type { SeededRandom } from "../support/seeded-random.ts";

/** What someone does to the group or its topic beside those who send and receive. */
export type Operator = "resetOffsets" | "pause" | "changeFilter" | "changeQueues" | "redrive";

/**
 * What a history is about. The text a producer sends starts with what the auditor must know: `<order key>:` where messages of one
 * key come in order, `-:` for a message that the filter keeps from the group, `?:` for one that it may keep, nothing otherwise.
 */
export interface Scenario {
  readonly topic: TopicSettings;
  readonly group: GroupSettings;
  readonly filter?: Filter;
  readonly operator?: Operator;
  /** What makes this message's text and place. */
  message(random: SeededRandom): {
    readonly prefix: string;
    readonly fields: Pick<MessageInput, "messageGroup" | "tag" | "priority">;
  };
}

const GROUPS = ["a", "b", "c", "d"];
const plain = { topic: {}, group: {}, message: () => ({ prefix: "", fields: {} }) } satisfies Scenario;
const messageGroups = {
  topic: { type: "FIFO" },
  group: {},
  message: (random) => {
    const messageGroup = random.pick(GROUPS);
    return { prefix: `${messageGroup}:`, fields: { messageGroup } };
  },
} satisfies Scenario;

/** Filters in turn: each lets one tag through that the other does not. */
export const FILTERS: readonly Filter[] = [
  { type: "SQL92", expression: "TAGS IN ('both', 'first')" },
  { type: "TAG", expression: "both || second" },
];
const PREFIX_BY_TAG = { both: "", first: "?:", second: "?:", neither: "-:" } as const;

/** Redriven messages come from a queue 0 of their own, so nothing else may. */
export const REDRIVEN_QUEUE = 0;

export const SCENARIOS = {
  plain,
  filtered: {
    topic: {},
    group: {},
    filter: { type: "SQL92", expression: "TAGS IS NOT NULL AND TAGS IN ('wanted')" },
    message: (random) =>
      random.chance(0.6) ? { prefix: "", fields: { tag: "wanted" } } : { prefix: "-:", fields: { tag: "other" } },
  },
  messageGroups,
  wholeQueue: { topic: {}, group: { ordered: true }, message: () => ({ prefix: "q:", fields: {} }) },
  mixed: {
    topic: { type: "MIXED" },
    group: {},
    message: (random) => {
      const messageGroup = random.chance(0.5) ? random.pick(GROUPS) : undefined;
      return messageGroup === undefined ? { prefix: "", fields: {} } : { prefix: `${messageGroup}:`, fields: { messageGroup } };
    },
  },
  reset: { ...plain, operator: "resetOffsets" },
  resetInOrder: { ...messageGroups, operator: "resetOffsets" },
  paused: { ...plain, operator: "pause" },
  resized: { ...plain, operator: "changeQueues" },
  refiltered: {
    ...plain,
    filter: FILTERS[0] as Filter,
    operator: "changeFilter",
    message: (random) => {
      const tag = random.pick(Object.keys(PREFIX_BY_TAG) as (keyof typeof PREFIX_BY_TAG)[]);
      return { prefix: PREFIX_BY_TAG[tag], fields: { tag } };
    },
  },
  redriven: {
    topic: { type: "PRIORITY", queues: 2 },
    group: { maxAttempts: 2 },
    operator: "redrive",
    message: () => ({ prefix: "", fields: { priority: 1 } }),
  },
} as const satisfies Record<string, Scenario>;

export type ScenarioName = keyof typeof SCENARIOS;

/** Messages of one key are delivered in the order of their offsets; `undefined`: in any. */
export const orderKeyOf = (body: string): string | undefined => {
  const colon = body.indexOf(":");
  return colon < 0 || isKeptFromGroup(body) || mayBeKept(body) ? undefined : body.slice(0, colon);
};

export const isKeptFromGroup = (body: string): boolean => body.startsWith("-:");
export const mayBeKept = (body: string): boolean => body.startsWith("?:");
