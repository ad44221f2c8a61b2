import type { Context, ScheduledEvent } from "aws-lambda";
import { systemClock } from "../runtime/clock.ts";
import { createEventLog } from "../runtime/event-log.ts";
import { MAINTENANCE_SETTINGS, type MaintenanceSettings } from "../runtime/function-settings.ts";
import { createRollGaugeLog } from "../runtime/gauge-log.ts";
import { lazily } from "../runtime/lazily.ts";
import { createSyncLog, type Log } from "../runtime/log.ts";
import { createSystemRandom } from "../runtime/random.ts";
import { type Environment, readTable } from "../runtime/settings.ts";
import type { BrokerStores } from "../stores/broker-stores.ts";
import { startBroker } from "../stores/start-broker.ts";

/** The part of an invocation that is left when the work ends: time for calls under way. */
const LAST_STEP_MS = 10_000;

export type MaintenanceContext = Pick<Context, "awsRequestId" | "getRemainingTimeInMillis">;
export type MaintenanceHandler = (tick: Pick<ScheduledEvent, "time">, context: MaintenanceContext) => Promise<void>;

/**
 * Maintenance by schedule. Each run is bounded by its invocation. A tick that fails, is lost or comes twice costs only time. If
 * `openStores` or the broker fails, a later tick opens the stores again.
 */
export function createMaintenanceFunction(options: {
  readonly environment: Environment;
  readonly openStores: (settings: MaintenanceSettings) => BrokerStores;
  /** Default: standard output. */
  readonly log?: Log;
}): MaintenanceHandler {
  const log = options.log ?? createSyncLog();
  const events = createEventLog(log);
  const broker = lazily(async () => {
    const settings = readTable(MAINTENANCE_SETTINGS, options.environment);
    log.level = settings.logLevel;
    const onRollGauges = createRollGaugeLog(log, settings.deployment);
    return startBroker(options.openStores(settings), { random: createSystemRandom(), events, onRollGauges });
  });
  return async ({ time }, context) => {
    const startedAtMs = systemClock.nowMs();
    const tick = { tick: time, lambdaRequestId: context.awsRequestId };
    try {
      const untilMs = startedAtMs + context.getRemainingTimeInMillis() - LAST_STEP_MS;
      const report = await (await broker()).maintain({ untilMs });
      log.info({ ...tick, ...report, durationMs: systemClock.nowMs() - startedAtMs }, "maintenance");
    } catch (error) {
      log.error({ ...tick, err: error }, "maintenance failed");
      throw error;
    } finally {
      events.flush();
    }
  };
}
