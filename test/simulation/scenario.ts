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
  | "pull";

/** How producers send. Bytes are those of a body's padding. */
export interface Sending {
  readonly producers: number;
  readonly pauseMs: readonly [least: number, most: number];
  /** After so many times nothing is sent for a while. */
  readonly lulls?: { readonly after: readonly number[]; readonly ms: readonly [least: number, most: number] };
  readonly batches: readonly number[];
  readonly bytes: (random: SeededRandom) => number;
  /** Some sends at once, through any handler. */
  readonly atOnce?: number;
  /** How many are sent in all by each; default: as many as there is time for. */
  readonly most?: number;
}

/** How consumers ask, and what they do with what they get. Chances are of one message unless a line says otherwise. */
export interface Consuming {
  readonly consumers: number;
  readonly pauseMs: number;
  /** All ask at the same times, so far apart, in the place of pauses of their own. */
  readonly everyMs?: number;
  readonly max: readonly number[];
  readonly maxBytes?: readonly (number | undefined)[];
  readonly waitMs: readonly number[];
  readonly leaseMs: readonly number[];
  readonly workMs: readonly number[];
  /** A new attempt id for each request, the consumer's name for all, or none. */
  readonly attemptIds: readonly ("new" | "own" | "none")[];
  /** Of a request that waits: its client goes away, and repeats it while the first still runs. */
  readonly abort: number;
  /** Of an answer: the consumer dies with it. */
  readonly die: number;
  /** Of an answer, where time leaps: it is settled only after the next leap. */
  readonly oversleep?: number;
  readonly leave: number;
  readonly nack: number;
  readonly nackDelayMs: readonly number[];
  readonly countAttempt: number;
  readonly extend: number;
  readonly deadLetter: number;
  /** Of a delivery: leases are prolonged while the work goes on, by the first handle. */
  readonly beats: number;
  /** Of an answer: each message is settled on its own. */
  readonly singly: number;
  /** Of a request to settle: it arrives once more, later. */
  readonly duplicate: number;
  /** Another settles the same message by the same handle, with its own mind. */
  readonly contradict: number;
}

/**
 * What a history is about. The text a producer sends starts with what the auditor must know: `<order key>:` where messages of one
 * key come in order, `-:` for a message that the filter keeps from the group, `?:` for one that it may keep, nothing otherwise;
 * and `!` for one that may lie in an object.
 */
export interface Scenario {
  /** Of all seeds, in proportion. */
  readonly weight: number;
  /** One process on a store of its own; default: handlers that share one. */
  readonly soleProcess?: boolean;
  readonly faults?: "any" | "none";
  /** What can be received must come in time: only where nothing fails, and nothing waits for its order. */
  readonly prompt?: boolean;
  /** Every message group gets its turn: only where nothing fails, and nobody leaves or repeats anything. */
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
  /** Time passes in leaps between so many parts of the history, and what is old expires. */
  readonly ages?: number;
  /** Default: 1. */
  readonly retentionHours?: readonly number[];
  /** Objects may be lost or garbled. */
  readonly damaged?: boolean;
  /** What makes this message's text and place. */
  message(random: SeededRandom): {
    readonly prefix: string;
    readonly fields: Pick<MessageInput, "messageGroup" | "tag" | "priority">;
  };
}

/** Redriven messages come from a queue 0 of their own, so nothing else may. */
export const REDRIVEN_QUEUE = 0;

/** Messages of one key are delivered in the order of their offsets; `undefined`: in any. */
export const orderKeyOf = (body: string): string | undefined => {
  const colon = body.indexOf(":");
  return colon < 0 || isKeptFromGroup(body) || mayBeKept(body) ? undefined : body.slice(0, colon);
};

export const isKeptFromGroup = (body: string): boolean => body.startsWith("-:");
export const mayBeKept = (body: string): boolean => body.startsWith("?:");
export const mayBeUnreadable = (body: string): boolean => body.endsWith("!");
