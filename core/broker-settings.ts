import {
  DETACHED_INLINE_BYTES_MAX,
  FLIGHT_MS_MAX,
  INLINE_FRAME_BYTES_MAX,
  TRANSACTED_INLINE_BYTES_MAX,
} from "./log/log-limits.ts";
import type { LogSettings } from "./log/log-settings.ts";
import type { QueueChoicePolicy } from "./produce/queue-choice.ts";
import type { RollSettings } from "./roller/roll-limits.ts";

/** The settings that differ between one process on a disk and handlers that share stores billed by the request. */
export interface BrokerSettings extends LogSettings {
  /** No other process can write to the store. */
  readonly soleProcess: boolean;
  /** The largest difference between two handlers' clocks; 0 if there is one clock. */
  readonly skewMarginMs: number;
  /** How long after it was sent a store call may be applied; 0 if it is applied before its reply or never. */
  readonly flightMs: number;
  /** Write units a second that one shard of timers takes; infinite if the store has no such limit. */
  readonly timerUnitsPerSecond: number;
  /** How a queue is chosen for messages that may go to any: `sticky` if reading a tail costs a request. */
  readonly queueChoice: QueueChoicePolicy;
  /** A run of a queue that is worth a place in a segment, in bytes, once it is some minutes old. */
  readonly rollBytesMin: number;
  /** Default: those of `roll-limits.ts`. */
  readonly rollSettings?: RollSettings | undefined;
  /** How often a waiting request looks for other processes' writes: after `firstMs`, then less and less often. */
  readonly polling: { readonly firstMs: number; readonly mostMs: number } | undefined;
}

/** The only process on its store: it knows of every write, and disk space is cheaper than the processor time to pack. */
export const SOLE_PROCESS: BrokerSettings = {
  soleProcess: true,
  skewMarginMs: 0,
  flightMs: 0,
  timerUnitsPerSecond: Number.POSITIVE_INFINITY,
  queueChoice: "roundRobin",
  rollBytesMin: 64 * 1_024,
  polling: undefined,
  inlineFrameBytesMax: INLINE_FRAME_BYTES_MAX,
  transactedInlineBytesMax: INLINE_FRAME_BYTES_MAX,
  detachedInlineBytesMax: INLINE_FRAME_BYTES_MAX,
  packFromBytes: Number.POSITIVE_INFINITY,
};

/** One of many handlers on S3 and DynamoDB. */
export const SHARED_STORE: BrokerSettings = {
  soleProcess: false,
  skewMarginMs: 2_000,
  flightMs: FLIGHT_MS_MAX,
  // The units of one partition of a table: the timers that are due next are in a few partitions.
  timerUnitsPerSecond: 1_000,
  queueChoice: "sticky",
  // Its item takes four write units: a message's part of them is a sixtieth of a unit.
  rollBytesMin: 256 * 1_024,
  polling: { firstMs: 1_000, mostMs: 5_000 },
  inlineFrameBytesMax: INLINE_FRAME_BYTES_MAX,
  transactedInlineBytesMax: TRANSACTED_INLINE_BYTES_MAX,
  detachedInlineBytesMax: DETACHED_INLINE_BYTES_MAX,
  // A smaller frame fits one write unit together with its block, unpacked.
  packFromBytes: 850,
  rollHintMessages: 1_024,
};
