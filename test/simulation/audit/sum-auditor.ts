import type { Violations } from "./violations.ts";

/** A group's progress on a queue at the end. */
export interface QueueProgress {
  /** Whether it belongs to the producers' topic and not, for example, to that of redriven messages. */
  readonly main: boolean;
  readonly queueId: number;
  readonly next: number;
  /** The first live offset, and the end. They are equal if everything has expired. */
  readonly min: number;
  readonly max: number;
  /** Places in claims, deferred, or moved out. */
  readonly open: readonly number[];
  /** Unreadable messages, in claims that nobody holds. */
  readonly unreadable: number;
  readonly deadLettered: number;
  readonly expired: number;
}

/** The consumers' knowledge of one queue's messages. */
export interface Known {
  readonly surelyAcked: number;
  readonly mayBeAcked: number;
  /** The number of messages for the group that certainly, and at most, are or were in the queue. */
  readonly least: number;
  readonly most: number;
}

/** I10: per group, sent = acked + in flight + waiting + dead-lettered + expired. `inexact`: resets or filters moved past some. */
export function checkSum(violations: Violations, progress: QueueProgress, known: Known, inexact: boolean): void {
  const { queueId, next, max, open, unreadable, deadLettered, expired } = progress;
  if (next > max) violations.add("I10", `queue ${queueId} is at ${next}, beyond its end ${max}`);
  if (expired < 0) violations.add("I10", `queue ${queueId} counts ${expired} expired messages`);
  if (inexact || !progress.main) return;
  const counted = open.length + unreadable + deadLettered + expired;
  const sum = `${open.length} open, ${unreadable} unreadable, ${deadLettered} dead-lettered, ${expired} expired`;
  if (known.surelyAcked + counted > known.most)
    violations.add("I10", `queue ${queueId} has ${known.most} messages at most, but ${known.surelyAcked} acked, ${sum}`);
  if (known.mayBeAcked + counted < known.least)
    violations.add("I10", `queue ${queueId} has ${known.least} messages, but ${known.mayBeAcked} acked at most, ${sum}`);
}
