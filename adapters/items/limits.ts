import type { Attribute, Item, Key, TransactWrite } from "../../core/ports/item-store.ts";
import { StoreMisuse } from "../../core/ports/store-failures.ts";
import { utf8Length } from "./item-size.ts";

const ITEM_BYTES_MAX = 400 * 1024;
export const PAGE_BYTES_MAX = 1024 * 1024;
const PK_BYTES_MAX = 2_048;
const SK_BYTES_MAX = 1_024;
const TRANSACT_WRITES_MAX = 100;
const BATCH_GET_KEYS_MAX = 100;

/** Errors: `StoreMisuse` for an empty or overlong part, a NUL in `pk` (it ends `pk` in stored keys), or a lone surrogate. */
export function checkKey({ pk, sk }: Key): void {
  checkPk(pk);
  if (typeof sk !== "string" || sk === "" || overlong(sk, SK_BYTES_MAX) || !sk.isWellFormed()) {
    throw new StoreMisuse(`sk must be 1 to ${SK_BYTES_MAX} bytes of UTF-8`);
  }
}

export function checkPk(pk: string): void {
  if (typeof pk !== "string" || pk === "" || overlong(pk, PK_BYTES_MAX) || !pk.isWellFormed() || pk.includes("\0")) {
    throw new StoreMisuse(`pk must be 1 to ${PK_BYTES_MAX} bytes of UTF-8 without NUL`);
  }
}

/** A code unit takes three bytes at most, so short text need not be counted. */
const overlong = (text: string, bytesMax: number): boolean => text.length * 3 > bytesMax && utf8Length(text) > bytesMax;

export function checkSize(bytes: number): void {
  if (bytes > ITEM_BYTES_MAX) throw new StoreMisuse(`an item of ${bytes} bytes; the limit is ${ITEM_BYTES_MAX}`);
}

export function checkLimit(limit: number): void {
  if (!Number.isSafeInteger(limit) || limit < 1) throw new StoreMisuse(`limit ${limit} is not a positive integer`);
}

type Keyed = { readonly kind: "put"; readonly item: Item } | { readonly kind: "update" | "delete" | "check"; readonly key: Key };

export const writeKey = (write: Keyed): Key => (write.kind === "put" ? write.item : write.key);

/** Errors: `StoreMisuse` unless there are 1 to 100 writes on as many items. */
export function checkTransaction(writes: readonly TransactWrite[]): void {
  if (writes.length < 1 || writes.length > TRANSACT_WRITES_MAX) {
    throw new StoreMisuse(`a transaction has 1 to ${TRANSACT_WRITES_MAX} writes, not ${writes.length}`);
  }
  checkDistinct(writes.map(writeKey));
}

/** Errors: `StoreMisuse` above 100 keys, or if a key occurs twice. */
export function checkBatchGet(keys: readonly Key[]): void {
  if (keys.length > BATCH_GET_KEYS_MAX) throw new StoreMisuse(`${keys.length} keys; the limit is ${BATCH_GET_KEYS_MAX}`);
  checkDistinct(keys);
}

function checkDistinct(keys: readonly Key[]): void {
  const met = new Set<string>();
  for (const key of keys) {
    checkKey(key);
    met.add(`${key.pk}\0${key.sk}`);
  }
  if (met.size < keys.length) throw new StoreMisuse("one item is named twice");
}

/** A copy that shares no bytes, list or set with the caller, who may change the original later. Errors: `StoreMisuse`. */
export function adoptItem(item: Item): Item {
  checkKey(item);
  const adopted: Record<string, Attribute> & Key = { pk: item.pk, sk: item.sk };
  for (const name of Object.keys(item)) adopted[name] = adoptAttribute(name, item[name]);
  return adopted;
}

/** As `adoptItem`, for one attribute: a string, a finite number, bytes, a list of bytes, or a set of one type, never empty. */
export function adoptAttribute(name: string, value: Attribute | undefined): Attribute {
  if (name === "" || name === "__proto__" || !name.isWellFormed()) throw new StoreMisuse(`${name} cannot name an attribute`);
  if (typeof value === "string" && value.isWellFormed()) return value;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  if (value instanceof Uint8Array) return new Uint8Array(value);
  if (Array.isArray(value) && value.every((element) => element instanceof Uint8Array)) {
    return value.map((element) => new Uint8Array(element));
  }
  if (value instanceof Set && isUniform(value)) return new Set(value);
  throw new StoreMisuse(`${name} has a value that no attribute can have`);
}

function isUniform(members: ReadonlySet<unknown>): boolean {
  let strings = 0;
  let numbers = 0;
  for (const member of members) {
    if (typeof member === "string" && member.isWellFormed()) strings++;
    else if (typeof member === "number" && Number.isFinite(member)) numbers++;
    else return false;
  }
  return members.size > 0 && (strings === 0 || numbers === 0);
}
