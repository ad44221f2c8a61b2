import type { Attribute, Change, Item } from "../../core/ports/item-store.ts";
import { attributeOf, isList } from "./attributes.ts";

/**
 * An item's size by DynamoDB's rules, in bytes: names and strings in UTF-8; a byte per two significant digits of a number and one
 * more, and one for a minus sign; the elements of a set; 3 for a list and 1 for each element besides its bytes.
 */
export function itemSize(item: Item): number {
  let bytes = 0;
  for (const name in item) bytes += attributeSize(name, item[name]);
  return bytes;
}

/** The size after an update, from the size before it: a wide item is not measured again for one changed attribute. */
export function sizeAfterChanges(bytesBefore: number, before: Item | undefined, after: Item, changes: readonly Change[]): number {
  if (before === undefined) return itemSize(after);
  let bytes = bytesBefore;
  for (const { name } of changes) {
    bytes += attributeSize(name, attributeOf(after, name)) - attributeSize(name, attributeOf(before, name));
  }
  return bytes;
}

function attributeSize(name: string, value: Attribute | undefined): number {
  return value === undefined ? 0 : utf8Length(name) + valueSize(value);
}

function valueSize(value: Attribute): number {
  if (typeof value === "string") return utf8Length(value);
  if (typeof value === "number") return numberSize(value);
  if (value instanceof Uint8Array) return value.length;
  let bytes = 0;
  if (isList(value)) {
    for (const element of value) bytes += element.length + 1;
    return bytes + 3;
  }
  for (const member of value) bytes += typeof member === "string" ? utf8Length(member) : numberSize(member);
  return bytes;
}

/** DynamoDB stores decimal digits in pairs, aligned to the point: 1 to 20 pairs and an exponent byte. */
function numberSize(value: number): number {
  if (value === 0) return 1;
  if (Number.isSafeInteger(value)) return integerSize(Math.abs(value)) + (value < 0 ? 1 : 0);
  const [mantissa = "", exponent = "0"] = Math.abs(value).toString().split("e");
  const [whole = "", fraction = ""] = mantissa.split(".");
  const digits = (whole + fraction).replace(/^0+|0+$/g, "").length;
  // Digits that start at an odd decimal place fill half of their first pair.
  const odd = (fraction.length - Number(exponent)) % 2 !== 0 ? 1 : 0;
  return Math.ceil((digits + odd) / 2) + 1 + (value < 0 ? 1 : 0);
}

function integerSize(value: number): number {
  let rest = value;
  while (rest % 100 === 0) rest /= 100;
  let pairs = 0;
  for (; rest >= 1; rest = Math.floor(rest / 100)) pairs++;
  return pairs + 1;
}

export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit < 0x80) continue;
    // Two units of a surrogate pair take four bytes together.
    bytes += unit < 0x800 || (unit >= 0xd800 && unit < 0xe000) ? 1 : 2;
  }
  return bytes;
}
