import type { Attribute, Item } from "../ports/item-store.ts";

// Items never change, so the size is kept with the item.
const weighed = new WeakMap<Item, number>();

/** About the bytes that DynamoDB charges for an item of ASCII names and integers, and never less. */
export function itemBytes(item: Item): number {
  const known = weighed.get(item);
  if (known !== undefined) return known;
  let bytes = 0;
  for (const name in item) bytes += name.length + attributeBytes(item[name] as Attribute);
  weighed.set(item, bytes);
  return bytes;
}

export function attributeBytes(value: Attribute): number {
  if (typeof value === "string" || value instanceof Uint8Array) return value.length;
  if (typeof value === "number") return numberBytes(value);
  let bytes = 0;
  for (const member of value) bytes += typeof member === "number" ? numberBytes(member) : member.length + 1;
  return Array.isArray(value) ? bytes + 3 : bytes;
}

/** One byte per two decimal digits, and one more. */
function numberBytes(value: number): number {
  let bytes = 2;
  for (let rest = value; rest >= 100; rest = Math.floor(rest / 100)) bytes++;
  return bytes;
}
