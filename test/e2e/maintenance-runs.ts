import { setTimeout as sleep } from "node:timers/promises";
import type { FunctionLogs } from "./function-logs.ts";

/** A minute, the function's start, and the log's way. */
const TICK_MS_MAX = 70_000;

/** Waits until the schedule has run maintenance to its end. Errors: when it has not within 70 s, or logged an error. */
export async function checkMaintenanceRuns(logs: FunctionLogs): Promise<string> {
  for (const deadline = Date.now() + TICK_MS_MAX; ; await sleep(2_000)) {
    const lines = (await logs.of("Maintenance")).filter((line) => line.startsWith("{")).map((line) => JSON.parse(line));
    const failure = lines.find(({ level }) => level >= 50);
    if (failure) throw new Error(JSON.stringify(failure));
    const tick = lines.find(({ msg }) => msg === "maintenance");
    if (tick) return `${tick.tick}, in ${tick.durationMs} ms`;
    if (Date.now() > deadline) throw new Error(`no run of maintenance in ${TICK_MS_MAX / 1_000} s`);
  }
}
