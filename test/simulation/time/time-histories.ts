import { simulateTime } from "./simulate-time.ts";
import { simulateTenants } from "./tenants/simulate-tenants.ts";

/** Kinds of timed histories. */
export const TIME_HISTORIES = ["time", "tenants"] as const;
export type TimeHistory = (typeof TIME_HISTORIES)[number];

export interface TimeHistoryResult {
  readonly violations: readonly string[];
  readonly traceHash: string;
  readonly delivered: number;
}

/** Every fifth seed gives a history of tenants. */
export const timeHistoryOf = (seed: number): TimeHistory => (seed % 5 === 3 ? "tenants" : "time");

export const playTimeHistory = (
  history: TimeHistory,
  options: { readonly seed: number; readonly listen?: (line: string) => void },
): Promise<TimeHistoryResult> => (history === "time" ? simulateTime(options) : simulateTenants(options));
