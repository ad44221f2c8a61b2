import type { Key } from "../../core/ports/item-store.ts";

/**
 * Keys of the LevelDB database, as UTF-8, whose byte order is the order of `sk` inside one `pk`:
 *
 *   i<pk>\0<sk>              an item
 *   x<expiry>i<pk>\0<sk>     its entry in the expiry index: epoch seconds, 12 digits; the value is empty
 */
const EXPIRY_DIGITS = 12;
const EXPIRY_END = 10 ** EXPIRY_DIGITS;

const ITEM = "i".charCodeAt(0);
/** Whether a key, as its bytes, is that of an item. */
export const isItem = (key: Uint8Array): boolean => key[0] === ITEM;

export const itemKey = ({ pk, sk }: Key): string => `i${pk}\0${sk}`;

export function keyOfItem(stored: string): Key {
  const end = stored.indexOf("\0");
  return { pk: stored.slice(1, end), sk: stored.slice(end + 1) };
}

/** Bounds of a query: all of `pk`, or from one `sk` to another, both inclusive. */
export const firstOf = (pk: string, from: string | undefined): string => `i${pk}\0${from ?? ""}`;
/** Exclusive. No key of this `pk` sorts behind it, and any other `pk` that does differs in its text. */
export const endOf = (pk: string): string => `i${pk}\x01`;

export const expiryKey = (expirySeconds: number, stored: string): string => `x${padded(expirySeconds)}${stored}`;
export const firstExpiry = (): string => `x${padded(0)}`;
export const expiryOf = (stored: string): number => Number(stored.slice(1, 1 + EXPIRY_DIGITS));
export const itemKeyOfExpiry = (stored: string): string => stored.slice(1 + EXPIRY_DIGITS);

const padded = (seconds: number): string => String(seconds).padStart(EXPIRY_DIGITS, "0");

/** The expiry under which an item is indexed. An item whose `x` is no instant never expires. */
export function indexedExpiry(x: unknown): number | undefined {
  return typeof x === "number" && x >= 0 && x < EXPIRY_END ? Math.floor(x) : undefined;
}
