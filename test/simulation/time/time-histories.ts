import { simulateOffsets } from "../offsets/simulate-offsets.ts";
import { simulateTime } from "./simulate-time.ts";
import { simulateTenants } from "./tenants/simulate-tenants.ts";

/** Kinds of timed histories. Those of offsets last for many leases of members. */
export const TIME_HISTORIES = ["time", "tenants", "offsets"] as const;
export type TimeHistory = (typeof TIME_HISTORIES)[number];

export interface TimeHistoryResult {
  readonly violations: readonly string[];
  readonly traceHash: string;
  readonly delivered: number;
}

/** Every fifth seed gives a history of tenants. Those of offsets are asked for by name. */
export const timeHistoryOf = (seed: number): TimeHistory => (seed % 5 === 3 ? "tenants" : "time");

export async function playTimeHistory(
  history: TimeHistory,
  options: { readonly seed: number; readonly listen?: (line: string) => void },
): Promise<TimeHistoryResult> {
  if (history === "time") return simulateTime(options);
  if (history === "tenants") return simulateTenants(options);
  const { met, ...result } = await simulateOffsets(options);
  return { ...result, delivered: met.commits };
}
