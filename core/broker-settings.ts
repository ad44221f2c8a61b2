import {
  DETACHED_INLINE_BYTES_MAX,
  FLIGHT_MS_MAX,
  INLINE_FRAME_BYTES_MAX,
  TRANSACTED_INLINE_BYTES_MAX,
} from "./log/log-limits.ts";
import type { LogSettings } from "./log/log-settings.ts";
import type { QueueChoicePolicy } from "./produce/queue-choice.ts";

/** What differs between one process on a disk and handlers that share stores billed by the request. */
export interface BrokerSettings extends LogSettings {
  /** No other process can write to the store. */
  readonly soleProcess: boolean;
  /** The largest difference between two handlers' clocks; 0 where there is one clock. */
  readonly skewMarginMs: number;
  /** A store call may be applied this long after it was sent; 0 where it is applied before its reply or never. */
  readonly flightMs: number;
  /** Write units a second that one shard of timers takes; infinite where a store has no such limit. */
  readonly timerUnitsPerSecond: number;
  /** How a queue is found for messages that may go to any: `sticky` where reading a tail costs a request. */
  readonly queueChoice: QueueChoicePolicy;
  /** How often a request that waits looks for what other processes wrote: after `firstMs`, then less and less often. */
  readonly polling: { readonly firstMs: number; readonly mostMs: number } | undefined;
}

/** The only process on its store: it hears of every write, and a disk is cheaper than the processor that packs. */
export const SOLE_PROCESS: BrokerSettings = {
  soleProcess: true,
  skewMarginMs: 0,
  flightMs: 0,
  timerUnitsPerSecond: Number.POSITIVE_INFINITY,
  queueChoice: "roundRobin",
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
  // What one partition of a table takes: the timers that are due next share a few.
  timerUnitsPerSecond: 1_000,
  queueChoice: "sticky",
  polling: { firstMs: 1_000, mostMs: 5_000 },
  inlineFrameBytesMax: INLINE_FRAME_BYTES_MAX,
  transactedInlineBytesMax: TRANSACTED_INLINE_BYTES_MAX,
  detachedInlineBytesMax: DETACHED_INLINE_BYTES_MAX,
  // A smaller frame fits one write unit with its block as it is.
  packFromBytes: 850,
};
