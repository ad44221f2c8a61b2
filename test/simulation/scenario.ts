import type { GroupSettings, TopicSettings } from "../../core/requests.ts";
import type { Filter, MessageInput } from "../../core/terms.ts";
import type { SeededRandom } from "../support/seeded-random.ts";

export const TOPIC = "orders";
export const GROUP = "billing";

export type OperatorName =
  | "resetOffsets"
  | "pause"
  | "changeFilter"
  | "changeQueues"
  | "changeQueuesOften"
  | "redrive"
  | "redriveAll"
  | "damage"
  | "remake"
  | "pull"
  | "changeRetention"
  | "roll"
  | "repeat"
  | "askTimes"
  | "lookUp"
  | "makeBriefly";

/** How producers send. Bytes are those of a body's padding. */
export interface Sending {
  readonly producers: number;
  readonly pauseMs: readonly [least: number, most: number];
  /** After this many sends, nothing is sent for a while. */
  readonly lulls?: { readonly after: readonly number[]; readonly ms: readonly [least: number, most: number] };
  readonly batches: readonly number[];
  readonly bytes: (random: SeededRandom) => number;
  /** Concurrent sends, through any handler. */
  readonly atOnce?: number;
  /** How many each producer sends in all. Default: as many as there is time for. */
  readonly most?: number;
}

/** How consumers receive, and what they do with messages. Chances are per message unless a line says otherwise. */
export interface Consuming {
  readonly consumers: number;
  readonly pauseMs: number;
  /** All receive at the same times, at this interval, instead of after their own pauses. */
  readonly everyMs?: number;
  readonly max: readonly number[];
  readonly maxBytes?: readonly (number | undefined)[];
  readonly waitMs: readonly number[];
  readonly leaseMs: readonly number[];
  readonly workMs: readonly number[];
  /** A new attempt id for each request, the consumer's name for all, or none. */
  readonly attemptIds: readonly ("new" | "own" | "none")[];
  /** Per waiting request: its client goes away, and repeats it while the first is still running. */
  readonly abort: number;
  /** Per answer: the consumer dies with it. */
  readonly die: number;
  /** Per answer, where time leaps: it is settled only after the next leap. */
  readonly oversleep?: number;
  readonly leave: number;
  readonly nack: number;
  readonly nackDelayMs: readonly number[];
  readonly countAttempt: number;
  readonly extend: number;
  readonly deadLetter: number;
  /** Per delivery: leases are shortened during the work. */
  readonly shorten?: number;
  /** Per delivery: leases are extended during the work, by the first handle. */
  readonly beats: number;
  /** Per answer: each message is settled on its own. */
  readonly singly: number;
  /** Per request to settle: it arrives once more, later. */
  readonly duplicate: number;
  /** Another consumer settles the same message by the same handle, in its own way. */
  readonly contradict: number;
}

/**
 * The subject of a history. A producer's text starts with what the auditor must know: `<order key>:` if messages of one key come in
 * order, `-:` for a message that the filter keeps from the group, `?:` for one that it may keep, nothing otherwise; and `!` for one
 * that may lie in an object.
 */
export interface Scenario {
  /** Its share of all seeds, in proportion. */
  readonly weight: number;
  /** One process on its own store, always or in half of the histories. Default: handlers that share one. */
  readonly soleProcess?: boolean | "half";
  readonly faults?: "any" | "none";
  /** Messages that can be received must come in time. Only where nothing fails, and nothing waits for its order. */
  readonly prompt?: boolean;
  /** Every message group gets its turn. Only where nothing fails, and nobody leaves or repeats anything. */
  readonly turns?: boolean;
  readonly queues?: readonly number[];
  readonly runMs: readonly number[];
  readonly topic: TopicSettings;
  readonly group: GroupSettings;
  readonly maxAttempts: readonly number[];
  readonly filter?: Filter;
  readonly operators?: readonly OperatorName[];
  readonly sending: Sending;
  readonly consuming: Consuming;
  /** How much longer than elsewhere those pause who pull, delete and look for what has expired. Default: 1. */
  readonly pace?: number;
  /** The number of parts of the history, between which time leaps and old data expires. */
  readonly ages?: number;
  /** Default: 1. */
  readonly retentionHours?: readonly number[];
  /** Handlers lose replies although one process is alone on its store. */
  readonly losesReplies?: boolean;
  /** Objects may be lost or garbled. */
  readonly damaged?: boolean;
  /** The parts of this message's text, and its place. */
  message(random: SeededRandom): {
    readonly prefix: string;
    readonly fields: Pick<MessageInput, "messageGroup" | "tag" | "priority" | "keys" | "messageId">;
  };
}

/** Redriven messages come from queue 0 of another topic, so nothing else may come from a queue 0. */
export const REDRIVEN_QUEUE = 0;

/** Messages of one key are delivered in the order of their offsets; `undefined`: in any. */
export const orderKeyOf = (body: string): string | undefined => {
  const colon = body.indexOf(":");
  return colon < 0 || isKeptFromGroup(body) || mayBeKept(body) ? undefined : body.slice(0, colon);
};

export const isKeptFromGroup = (body: string): boolean => body.startsWith("-:");
export const mayBeKept = (body: string): boolean => body.startsWith("?:");
export const mayBeUnreadable = (body: string): boolean => body.endsWith("!");
