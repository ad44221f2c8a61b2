import type { BrokerSettings } from "../broker-settings.ts";
import { ROLL_SETTINGS } from "./roll-limits.ts";

/** Whether what a queue has to roll is due: it is worth a place in a segment, and much, or old. */
export function isDue(
  bytes: number,
  oldestMs: number,
  { rollBytesMin, rollSettings = ROLL_SETTINGS }: Pick<BrokerSettings, "rollBytesMin" | "rollSettings">,
): boolean {
  const { segmentBytes, dueAgeMs } = rollSettings;
  return bytes >= rollBytesMin && (bytes >= segmentBytes / 2 || oldestMs >= dueAgeMs);
}
