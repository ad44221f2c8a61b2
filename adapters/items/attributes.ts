import type { Attribute, Item } from "../../core/ports/item-store.ts";

/** The attribute, never a property that JavaScript objects inherit. */
export function attributeOf(item: Item | undefined, name: string): Attribute | undefined {
  return item !== undefined && Object.hasOwn(item, name) ? item[name] : undefined;
}

/** The order of the UTF-8 encodings, which is that of code points. UTF-16's code units differ from it only at the surrogates. */
export function compareUtf8(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length);
  for (let at = 0; at < shorter; at++) {
    const x = a.charCodeAt(at);
    const y = b.charCodeAt(at);
    if (x !== y) return x >= 0xd800 && y >= 0xd800 ? aboveSurrogates(x) - aboveSurrogates(y) : x - y;
  }
  return a.length - b.length;
}

/** Surrogates stand for code points above every other unit. */
const aboveSurrogates = (unit: number): number => (unit >= 0xe000 ? unit - 0x800 : unit + 0x2000);

/** Equality of type and content; sets compare without order. */
export function sameAttribute(a: Attribute, b: Attribute): boolean {
  if (typeof a !== "object" || typeof b !== "object") return a === b;
  if (a instanceof Uint8Array) return b instanceof Uint8Array && sameBytes(a, b);
  if (isList(a)) return isList(b) && a.length === b.length && a.every((bytes, at) => sameBytes(bytes, b[at] as Uint8Array));
  if (b instanceof Uint8Array || isList(b) || a.size !== b.size) return false;
  const members: ReadonlySet<string | number> = b;
  for (const member of a) if (!members.has(member)) return false;
  return true;
}

export const isList = (value: Attribute): value is readonly Uint8Array[] => Array.isArray(value);

export const isSet = (value: Attribute): value is ReadonlySet<string> | ReadonlySet<number> => value instanceof Set;

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a === b || (a.length === b.length && a.every((byte, at) => byte === b[at]));
}
