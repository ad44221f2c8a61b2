/** Seconds as a number, or a number with a unit: `"250ms"`, `"30s"`, `"10m"`, `"12h"`, `"7d"`. */
export type Duration = number | `${number}${"ms" | "s" | "m" | "h" | "d"}`;

const SECONDS: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3_600, d: 86_400 };

/** Errors: a `TypeError` for anything that is no duration. */
export function secondsOf(duration: Duration): number {
  const [, digits, unit = ""] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(String(duration)) ?? [];
  const seconds = typeof duration === "number" ? duration : Number(digits) * (SECONDS[unit] as number);
  if (Number.isFinite(seconds) && seconds >= 0) return seconds;
  throw new TypeError(`${JSON.stringify(duration)} is no duration, such as 600 seconds, "10m" or "500ms".`);
}
