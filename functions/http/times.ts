export const RFC_3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$/;
const EPOCH_MS = /^\d{1,15}$/;
/** 9999-12-31T23:59:59.999Z, the last instant RFC 3339 can write. */
const INSTANT_MS_MAX = 253_402_300_799_999;

const REMEMBERED_MAX = 1_024;
const remembered = new Map<number, string>();

/** RFC 3339 in UTC with milliseconds. Remembers the latest: messages that are read together mostly share theirs. */
export function formatInstant(ms: number): string {
  const known = remembered.get(ms);
  if (known !== undefined) return known;
  if (remembered.size >= REMEMBERED_MAX) remembered.clear();
  const text = new Date(ms).toISOString();
  remembered.set(ms, text);
  return text;
}

/** Epoch milliseconds of an RFC 3339 time, or of epoch milliseconds as a number or digits; `undefined` for anything else. */
export function parseInstant(value: string | number): number | undefined {
  if (typeof value === "number") return inRange(value);
  if (EPOCH_MS.test(value)) return inRange(Number(value));
  const fields = RFC_3339.exec(value);
  if (!fields) return undefined;
  // Date.parse lets 31 February roll over into March.
  const [, year, month, day] = fields.map(Number) as [number, number, number, number];
  if (month < 1 || month > 12 || day < 1 || day > new Date(Date.UTC(year, month, 0)).getUTCDate()) return undefined;
  return inRange(Date.parse(value.replace(" ", "T").toUpperCase()));
}

const inRange = (ms: number): number | undefined =>
  Number.isSafeInteger(ms) && ms >= 0 && ms <= INSTANT_MS_MAX ? ms : undefined;
