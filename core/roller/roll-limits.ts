import { MERGE_SETTINGS, type MergeSettings } from "../key-index/key-index-limits.ts";
import { PAGE_SETTINGS, type PageSettings } from "../segments/segment-limits.ts";

/** Limits of rolling. */

const KIB = 1_024;
const MIB = 1_024 * KIB;
const MINUTE_MS = 60_000;

/** What is rolled together, and when. A history of few messages wants less of all. */
export interface RollSettings {
  /** A segment is ended at this size. A queue with half as much to roll is due at once, */
  readonly segmentBytes: number;
  /** and with less, once its oldest message is so old. */
  readonly dueAgeMs: number;
  readonly pages: PageSettings;
  /** Of the keys of segments. */
  readonly merges: MergeSettings;
}
export const ROLL_SETTINGS: RollSettings = {
  segmentBytes: 8 * MIB,
  dueAgeMs: 10 * MINUTE_MS,
  pages: PAGE_SETTINGS,
  merges: MERGE_SETTINGS,
};
/** With less room than this a segment is ended before another queue's run is added: short runs cost as many items as long ones. */
export const roomBytesMin = ({ segmentBytes }: RollSettings): number => segmentBytes / 8;
/** Of segments that gather runs of several queues, one for each retention class. */
export const gatheredBytesMax = ({ segmentBytes }: RollSettings): number => 2 * segmentBytes;
/** What is about to expire is left where it is. */
export const LIFE_LEFT_HOURS_MIN = 6;
/** Blocks read by one query. */
export const BLOCKS_PER_PAGE = 64;
/** A block is dropped so long after its copy was seen committed: slept, not by the clock, which may jump. */
export const DROP_GRACE_MS = 1 * MINUTE_MS;
/** It is slept in steps of this: a process that was stopped finds its sleep over when it goes on, though its senders did nothing. */
export const DROP_GRACE_STEP_MS = 5_000;
/** After a pass that looked at all queues. One that had more to do is followed by the next. */
export const ROLL_PAUSE_MS = 0.5 * MINUTE_MS;
/** After so much a pass ends, so that what it rolled is dropped soon. */
export const PASS_BYTES_MAX = 256 * MIB;
export const TOPICS_PER_PAGE = 100;
export const HINTS_PER_PAGE = 100;
/** How often all queues are looked at where senders hint. */
export const SWEEP_EVERY_MS = 6 * 60 * MINUTE_MS;
