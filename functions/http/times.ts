export const RFC_3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$/;
const EPOCH_MS = /^\d{1,15}$/;
/** A time's offset in a query whose plus sign was not written as %2B. */
const OFFSET_AFTER_SPACE = / (\d\d:\d\d)$/;
/** 9999-12-31T23:59:59.999Z, the last instant RFC 3339 can write. */
const INSTANT_MS_MAX = 253_402_300_799_999;
/** 1973-03-03. Fewer milliseconds are probably seconds of this century or the last. A time around 1970 can be written as RFC 3339. */
const EPOCH_MS_MIN = 100_000_000_000;

/** An instant that was read, or the problem with it. */
export type ReadInstant = { readonly ms: number } | { readonly problem: string };

const NO_INSTANT: ReadInstant = { problem: "Must be an RFC 3339 time or epoch milliseconds." };
const SECONDS: ReadInstant = { problem: "Looks like seconds. Use epoch milliseconds or an RFC 3339 time." };

const REMEMBERED_MAX = 1_024;
const remembered = new Map<number, string>();

/** RFC 3339 in UTC with milliseconds. The latest are remembered, since messages that are read together mostly share them. */
export function formatInstant(ms: number): string {
  const known = remembered.get(ms);
  if (known !== undefined) return known;
  if (remembered.size >= REMEMBERED_MAX) remembered.clear();
  const text = new Date(ms).toISOString();
  remembered.set(ms, text);
  return text;
}

/** Reads an RFC 3339 time, or epoch milliseconds as a number or digits. */
export function readInstant(value: string | number): ReadInstant {
  if (typeof value === "number") return readEpoch(value);
  if (EPOCH_MS.test(value)) return readEpoch(Number(value));
  const fields = RFC_3339.exec(value);
  if (!fields) return NO_INSTANT;
  // Date.parse lets 31 February roll over into March.
  const [, year, month, day] = fields.map(Number) as [number, number, number, number];
  if (month < 1 || month > 12 || day < 1 || day > new Date(Date.UTC(year, month, 0)).getUTCDate()) return NO_INSTANT;
  return inRange(Date.parse(value.replace(" ", "T").toUpperCase()));
}

/** As `readInstant`, for a query parameter, where a plus sign arrives as a space. */
export const readQueryInstant = (value: string): ReadInstant => readInstant(value.replace(OFFSET_AFTER_SPACE, "+$1"));

const readEpoch = (ms: number): ReadInstant => (ms >= 0 && ms < EPOCH_MS_MIN ? SECONDS : inRange(ms));

const inRange = (ms: number): ReadInstant => (Number.isSafeInteger(ms) && ms >= 0 && ms <= INSTANT_MS_MAX ? { ms } : NO_INSTANT);
