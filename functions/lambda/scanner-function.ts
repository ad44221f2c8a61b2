import type { Context } from "aws-lambda";
import type { ScanReport } from "../../core/timer/scanner.ts";
import { systemClock } from "../runtime/clock.ts";
import { createEventLog } from "../runtime/event-log.ts";
import { SCANNER_SETTINGS, type ScannerSettings } from "../runtime/function-settings.ts";
import { lazily } from "../runtime/lazily.ts";
import { createSyncLog, type Log } from "../runtime/log.ts";
import { createSystemRandom } from "../runtime/random.ts";
import { type Environment, readTable } from "../runtime/settings.ts";
import type { BrokerStores } from "../stores/broker-stores.ts";
import { startBroker } from "../stores/start-broker.ts";
import { openWebhooks } from "../webhooks/open-webhooks.ts";

/** Past the next tick, which relieves this run. */
const RUN_MS_MAX = 65_000;
/** Left of an invocation when a run ends: time for what is under way. */
const LAST_STEP_MS = 10_000;

/** A tick of the schedule has a time; whoever rings sends nothing. */
export interface ScannerEvent {
  readonly time?: string;
}
export type ScannerContext = Pick<Context, "awsRequestId" | "getRemainingTimeInMillis">;
export type ScannerHandler = (event: ScannerEvent, context: ScannerContext) => Promise<void>;

/**
 * Fires timers, by schedule and when rung. A run that finds nothing due within a minute ends at once, and logs nothing at `info`.
 * One in which anything failed ends as failed, so that it is counted; what it left is found by the next.
 * `openStores` is called again by a later run when it, or the broker, fails.
 */
export function createScannerFunction(options: {
  readonly environment: Environment;
  readonly openStores: (settings: ScannerSettings) => BrokerStores;
  /** Default: standard output. */
  readonly log?: Log;
}): ScannerHandler {
  const log = options.log ?? createSyncLog();
  // A function takes one invocation at a time, so these are those of the run.
  const failures = { count: 0, first: undefined as unknown };
  const onFailure = (error: unknown) => {
    if (failures.count++ === 0) failures.first = error;
  };
  const events = createEventLog(log);
  const broker = lazily(async () => {
    const settings = readTable(SCANNER_SETTINGS, options.environment);
    log.level = settings.logLevel;
    return startBroker(options.openStores(settings), {
      random: createSystemRandom(),
      events,
      onFailure,
      ...openWebhooks(settings),
    });
  });
  return async ({ time }, context) => {
    const startedAtMs = systemClock.nowMs();
    const leftMs = Math.min(RUN_MS_MAX, context.getRemainingTimeInMillis() - LAST_STEP_MS);
    failures.count = 0;
    let report: ScanReport | undefined;
    try {
      report = await (await broker()).scan({ untilMs: startedAtMs + leftMs, rung: time === undefined });
    } catch (error) {
      onFailure(error);
    }
    events.flush();
    const durationMs = systemClock.nowMs() - startedAtMs;
    const line = { tick: time, lambdaRequestId: context.awsRequestId, ...report, durationMs };
    if (failures.count > 0) {
      log.error({ ...line, failures: failures.count, err: failures.first }, "scan failed");
      throw failures.first;
    }
    const didSomething = report !== undefined && report.fired + report.parked > 0;
    log[didSomething ? "info" : "debug"](line, "scan");
  };
}
