import type { Context } from "aws-lambda";
import { systemClock } from "../runtime/clock.ts";
import { createEventLog } from "../runtime/event-log.ts";
import { SCANNER_SETTINGS, type ScannerSettings } from "../runtime/function-settings.ts";
import { createGaugeLog } from "../runtime/gauge-log.ts";
import { lazily } from "../runtime/lazily.ts";
import { createSyncLog, type Log } from "../runtime/log.ts";
import { createSystemRandom } from "../runtime/random.ts";
import { type Environment, readTable } from "../runtime/settings.ts";
import type { BrokerStores } from "../stores/broker-stores.ts";
import { startBroker } from "../stores/start-broker.ts";
import { openWebhooks } from "../webhooks/open-webhooks.ts";

/** Longer than a tick, so that the next tick relieves this run. If the run is behind, both share the work. */
const RUN_MS_MAX = 65_000;
/** The part of an invocation that is left when a run ends: time for calls under way. */
const LAST_STEP_MS = 10_000;

/** The most runs that failures start in a row. After that the next tick tries again. */
const RUNS_AFTER_FAILURE_MAX = 3;

/** The event of a tick has a time; that of a ring is empty. After a failure, Lambda passes on the event of the failed run. */
export interface ScannerEvent {
  readonly time?: string;
  readonly requestPayload?: ScannerEvent | undefined;
}
export type ScannerContext = Pick<Context, "awsRequestId" | "getRemainingTimeInMillis">;
export type ScannerHandler = (event: ScannerEvent, context: ScannerContext) => Promise<void>;

/**
 * Fires timers, by schedule and when rung. A run that finds nothing due within a minute ends at once, and logs nothing at `info`. A run
 * tries its failed steps again, and counts them. A run that could not go on ends as failed, so that Lambda starts another. If
 * `openStores` or the broker fails, a later run opens the stores again.
 */
export function createScannerFunction(options: {
  readonly environment: Environment;
  readonly openStores: (settings: ScannerSettings) => BrokerStores;
  /** Default: standard output. */
  readonly log?: Log;
}): ScannerHandler {
  const log = options.log ?? createSyncLog();
  // A function takes one invocation at a time, so these failures belong to the run.
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
      onGauges: createGaugeLog(log, settings.deployment),
      timerShards: settings.timerShards,
      ...openWebhooks(settings),
    });
  });
  return async (event, context) => {
    const { time } = event;
    if (failedBefore(event) > RUNS_AFTER_FAILURE_MAX)
      return log.error("the scanner failed again and again: the next tick tries again");
    const startedAtMs = systemClock.nowMs();
    const endsMs = startedAtMs + context.getRemainingTimeInMillis() - LAST_STEP_MS;
    const untilMs = Math.min(startedAtMs + RUN_MS_MAX, endsMs);
    failures.count = 0;
    const about = () => ({ tick: time, lambdaRequestId: context.awsRequestId, durationMs: systemClock.nowMs() - startedAtMs });
    try {
      const report = await (await broker()).scan({ untilMs, behindUntilMs: endsMs, rung: time === undefined });
      const line = { ...about(), ...report };
      const didSomething = report.fired + report.parked > 0;
      if (failures.count > 0) log.warn({ ...line, failures: failures.count, err: failures.first }, "scan with failures");
      else log[didSomething ? "info" : "debug"](line, "scan");
    } catch (error) {
      log.error({ ...about(), err: error }, "scan failed");
      throw error;
    } finally {
      events.flush();
    }
  };
}

/** How many runs failed before this one, each after the other. */
function failedBefore(event: ScannerEvent): number {
  let failed = 0;
  for (let before = event.requestPayload; before !== undefined && before !== null; before = before.requestPayload) failed++;
  return failed;
}
