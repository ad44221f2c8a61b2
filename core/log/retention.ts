import { BrokerError } from "../errors.ts";
import type { RetentionRaise, Topic } from "../terms.ts";
import { EXPIRY_GUARD_SECONDS, OBJECT_EXPIRY_STEP_MS, RETENTION_RAISES_MAX } from "./log-limits.ts";

const HOUR_MS = 3_600_000;
const RAISE_GUARD_MS = EXPIRY_GUARD_SECONDS * 1_000;

/** What decides when the messages of a topic expire. */
export type Retention = Pick<Topic, "retentionHours" | "retentionRaises">;

/**
 * Messages stored before this time, epoch ms, have expired: for every reader, to the millisecond of its clock.
 *
 *   horizon(now) = max(now − retention, for each raise: min(raise + 1 h, now − retention before it))
 *
 * The horizon never falls. A lowered retention counts at once, for what is stored already too. A raised one counts for what is stored
 * from an hour after the raise: until then a sender may still give a block or an object the shorter life it knew of, and what has
 * that life cannot be kept for longer.
 */
export const horizonMs = ({ retentionHours, retentionRaises }: Retention, nowMs: number): number =>
  retentionRaises.reduce(
    (horizon, { atMs, fromHours }) => Math.max(horizon, Math.min(atMs + RAISE_GUARD_MS, nowMs - fromHours * HOUR_MS)),
    nowMs - retentionHours * HOUR_MS,
  );

/** Whether what was stored then has expired. */
export const hasExpired = (retention: Retention, storedAtMs: number, nowMs: number): boolean =>
  storedAtMs < horizonMs(retention, nowMs);

/**
 * The raises to keep once the retention is `hours`: those that say no more than the retention itself are dropped.
 * Errors: QUOTA_EXCEEDED when there would be more than RETENTION_RAISES_MAX.
 */
export function raisesOf(current: Retention, hours: number, nowMs: number): readonly RetentionRaise[] {
  const { retentionHours, retentionRaises } = current;
  const raised = hours > retentionHours ? [...retentionRaises, { atMs: nowMs, fromHours: retentionHours }] : retentionRaises;
  const kept = raised.filter(({ atMs }) => atMs + RAISE_GUARD_MS > nowMs - hours * HOUR_MS);
  if (kept.length <= RETENTION_RAISES_MAX) return kept;
  throw new BrokerError(
    "QUOTA_EXCEEDED",
    `The retention was raised ${RETENTION_RAISES_MAX} times while messages from before the first raise are kept. Raise it once they have expired.`,
  );
}

/** When an object may go: one step or two after the last of its frames has expired, so that it is there for whoever began to read in time. */
export function objectExpiryOf(nowMs: number, lifeHours: number): number {
  const stepMs = lifeHours <= 24 ? OBJECT_EXPIRY_STEP_MS.day : OBJECT_EXPIRY_STEP_MS.longer;
  return Math.ceil((nowMs + lifeHours * HOUR_MS) / stepMs + 1) * stepMs;
}
