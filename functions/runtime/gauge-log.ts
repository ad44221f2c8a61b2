import type { HearGauges, HearRollGauges } from "../../core/ports/gauges.ts";
import type { Log } from "./log.ts";

/** Lines no more often than this are worth a reader's time, and the cost of a metric. */
const EVERY_MS = 20_000;
/** Timers that were due this long ago are late. */
const LATE_MS = 2_000;

/**
 * Logs how late timers are fired, while they are late. With the name of a deployment, the lines are also CloudWatch's embedded metrics.
 * Source: "Specification: Embedded metric format", Amazon CloudWatch User Guide.
 */
export function createGaugeLog(log: Log, deployment?: string): HearGauges {
  let loggedMs = Number.NEGATIVE_INFINITY;
  let notPostedBefore = 0;
  return ({ oldestDueMs, due, checksNotPosted }) => {
    const nowMs = performance.now();
    const notPosted = checksNotPosted - notPostedBefore;
    const isLate = oldestDueMs >= LATE_MS;
    if ((!isLate && notPosted === 0) || nowMs - loggedMs < EVERY_MS) return;
    loggedMs = nowMs;
    notPostedBefore = checksNotPosted;
    const metrics = {
      ...(isLate && { OldestDueTimerSeconds: Math.round(oldestDueMs / 1_000), DueTimersWaiting: due }),
      ...(notPosted > 0 && { ChecksNotPosted: notPosted }),
    };
    log.warn({ ...metrics, ...(deployment !== undefined && embedded(deployment, Object.keys(metrics))) }, "timers are late");
  };
}

/** Messages that are due to be rolled and have been stored this long say that rolling is behind: they are due after ten minutes at most. */
const UNROLLED_MS = 30 * 60_000;

/** Logs how far rolling is behind, while it is. With the name of a deployment, the lines are metrics too. */
export function createRollGaugeLog(log: Log, deployment?: string): HearRollGauges {
  let loggedMs = Number.NEGATIVE_INFINITY;
  return ({ unrolledBytes, oldestUnrolledMs }) => {
    const nowMs = performance.now();
    if (oldestUnrolledMs < UNROLLED_MS || nowMs - loggedMs < EVERY_MS) return;
    loggedMs = nowMs;
    const metrics = { UnrolledBytes: unrolledBytes, OldestUnrolledSeconds: Math.round(oldestUnrolledMs / 1_000) };
    log.warn({ ...metrics, ...(deployment !== undefined && embedded(deployment, Object.keys(metrics))) }, "rolling is behind");
  };
}

const embedded = (deployment: string, names: readonly string[]) => ({
  Deployment: deployment,
  _aws: {
    Timestamp: Date.now(),
    CloudWatchMetrics: [{ Namespace: "Apogee", Dimensions: [["Deployment"]], Metrics: names.map((Name) => ({ Name })) }],
  },
});
