import type { GroupSettings, TopicSettings } from "../../core/broker.ts";
import type { Filter, MessageInput } from "../../core/terms.ts";
import type { SeededRandom } from "../support/seeded-random.ts";

/**
 * What a history is about. The text a producer sends starts with what the auditor must know: `<order key>:` where messages of one
 * key come in order, `-:` for a message that the filter keeps from the group, nothing otherwise.
 */
export interface Scenario {
  readonly topic: TopicSettings;
  readonly group: GroupSettings;
  readonly filter?: Filter;
  /** What makes this message's text and place. */
  message(random: SeededRandom): { readonly prefix: string; readonly fields: Pick<MessageInput, "messageGroup" | "tag"> };
}

const GROUPS = ["a", "b", "c", "d"];

export const SCENARIOS = {
  plain: { topic: {}, group: {}, message: () => ({ prefix: "", fields: {} }) },
  filtered: {
    topic: {},
    group: {},
    filter: { type: "SQL92", expression: "TAGS IS NOT NULL AND TAGS IN ('wanted')" },
    message: (random) =>
      random.chance(0.6) ? { prefix: "", fields: { tag: "wanted" } } : { prefix: "-:", fields: { tag: "other" } },
  },
  messageGroups: {
    topic: { type: "FIFO" },
    group: {},
    message: (random) => {
      const messageGroup = random.pick(GROUPS);
      return { prefix: `${messageGroup}:`, fields: { messageGroup } };
    },
  },
  wholeQueue: { topic: {}, group: { ordered: true }, message: () => ({ prefix: "q:", fields: {} }) },
  mixed: {
    topic: { type: "MIXED" },
    group: {},
    message: (random) => {
      const messageGroup = random.chance(0.5) ? random.pick(GROUPS) : undefined;
      return messageGroup === undefined ? { prefix: "", fields: {} } : { prefix: `${messageGroup}:`, fields: { messageGroup } };
    },
  },
} as const satisfies Record<string, Scenario>;

export type ScenarioName = keyof typeof SCENARIOS;

/** Messages of one key are delivered in the order of their offsets; `undefined`: in any. */
export const orderKeyOf = (body: string): string | undefined => {
  const colon = body.indexOf(":");
  return colon < 0 || body.startsWith("-") ? undefined : body.slice(0, colon);
};

export const isKeptFromGroup = (body: string): boolean => body.startsWith("-:");
