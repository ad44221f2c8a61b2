import { InvalidArgumentError } from "commander";
import { systemClock } from "../client/clock.ts";
import { type Duration, secondsOf } from "../client/duration.ts";

/** Reads the value of an option. Errors: commander's `InvalidArgumentError`, which says what the option wants. */
type Read<T> = (text: string) => T;

/** A whole number within bounds. */
export const wholeNumber =
  (min: number, max = Number.MAX_SAFE_INTEGER): Read<number> =>
  (text) => {
    const value = Number(text);
    if (/^-?\d+$/.test(text) && value >= min && value <= max) return value;
    const wanted = max === Number.MAX_SAFE_INTEGER ? `a whole number from ${min} on` : `a whole number from ${min} to ${max}`;
    throw new InvalidArgumentError(`It takes ${wanted}.`);
  };

/** `90`, `30s`, `10m`, `12h`, `7d`; without a unit in seconds. */
export const duration: Read<Duration> = (text) => {
  const value = /^\d+$/.test(text) ? Number(text) : (text as Duration);
  try {
    secondsOf(value);
    return value;
  } catch {
    throw new InvalidArgumentError("It takes seconds, or a number with ms, s, m, h or d, such as 10m.");
  }
};

/** An RFC 3339 time, or epoch milliseconds. */
export const instant: Read<Date> = (text) => {
  const time = new Date(/^\d+$/.test(text) ? Number(text) : text);
  if (!Number.isNaN(time.getTime())) return time;
  throw new InvalidArgumentError("It takes a time such as 2030-01-31T12:00:00Z, or epoch milliseconds.");
};

/** A time, or how long ago it is. */
export const moment: Read<Date> = (text) => {
  if (/^[\d.]+(ms|s|m|h|d)$/.test(text)) return new Date(systemClock.now() - secondsOf(duration(text)) * 1_000);
  try {
    return instant(text);
  } catch {
    throw new InvalidArgumentError("It takes a time such as 2030-01-31T12:00:00Z, or how long ago, such as 1h.");
  }
};

export const yesOrNo: Read<boolean> = (text) => {
  if (text === "yes" || text === "true") return true;
  if (text === "no" || text === "false") return false;
  throw new InvalidArgumentError("It takes yes or no.");
};

export const oneOf =
  <const T extends string>(values: readonly T[]): Read<T> =>
  (text) => {
    const found = values.find((value) => value.toUpperCase() === text.toUpperCase());
    if (found !== undefined) return found;
    throw new InvalidArgumentError(`It takes one of ${values.join(", ")}.`);
  };

/** Words with commas between them. */
export const words: Read<readonly string[]> = (text) => text.split(",").map((word) => word.trim());

export const json: Read<unknown> = (text) => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new InvalidArgumentError("It takes JSON.");
  }
};

/** An option that may be given more than once. */
export const repeated = (text: string, before: readonly string[] = []): readonly string[] => [...before, text];

/** `name=value`, more than once. */
export function pair(text: string, before: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  const at = text.indexOf("=");
  if (at <= 0) throw new InvalidArgumentError("It takes name=value.");
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}
