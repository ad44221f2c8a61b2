import { FILTER_NUMBER_CHARS_MAX } from "../limits.ts";

const LONG_MIN = -(2n ** 63n);
const LONG_MAX = 2n ** 63n - 1n;
const INTEGER = /^[+-]?[0-9]+$/;
const DECIMAL = /^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/;

/** A 64-bit integer, as a number where that is exact; undefined for any other text. */
export function readInteger(text: string): number | bigint | undefined {
  if (text.length > FILTER_NUMBER_CHARS_MAX || !INTEGER.test(text)) return undefined;
  const value = Number(text);
  if (Number.isSafeInteger(value)) return value;
  const exact = BigInt(text);
  return exact < LONG_MIN || exact > LONG_MAX ? undefined : exact;
}

/** A double; undefined for a text that is no decimal number. */
export const readDecimal = (text: string): number | undefined =>
  text.length <= FILTER_NUMBER_CHARS_MAX && DECIMAL.test(text) ? Number(text) : undefined;
