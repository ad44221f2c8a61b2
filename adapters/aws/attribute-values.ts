import type { AttributeValue } from "@aws-sdk/client-dynamodb";
import type { Attribute, Item, Key } from "../../core/ports/item-store.ts";
import { StoreCorrupt } from "../../core/ports/store-failures.ts";
import { isList } from "../items/attributes.ts";
import { adoptAttribute, adoptItem } from "../items/limits.ts";

/** The attribute in DynamoDB's form: a copy that shares nothing with the caller. Errors: `StoreMisuse`. */
export function attributeValue(name: string, attribute: Attribute): AttributeValue {
  return encoded(adoptAttribute(name, attribute));
}

/** As `attributeValue`, for a whole item. Errors: `StoreMisuse`. */
export function attributeValues(item: Item): Record<string, AttributeValue> {
  return Object.fromEntries(Object.entries(adoptItem(item)).map(([name, attribute]) => [name, encoded(attribute)]));
}

export const keyValues = ({ pk, sk }: Key): Record<"pk" | "sk", AttributeValue> => ({ pk: { S: pk }, sk: { S: sk } });

function encoded(attribute: Attribute): AttributeValue {
  if (typeof attribute === "string") return { S: attribute };
  if (typeof attribute === "number") return { N: numeral(attribute) };
  if (attribute instanceof Uint8Array) return { B: attribute };
  if (isList(attribute)) return { L: attribute.map((bytes) => ({ B: bytes })) };
  const members: (string | number)[] = [...attribute];
  return members.every((member) => typeof member === "string") ? { SS: members } : { NS: members.map(numeral) };
}

/** Seventeen digits name every double, and DynamoDB keeps 38. It also accepts JavaScript's exponents (`1e-7`). */
const numeral = (number: string | number): string => String(number);

/** The item in the port's form. Errors: `StoreCorrupt` for a type of attribute that nothing here writes. */
export function itemOf(values: Record<string, AttributeValue>): Item {
  const item: Record<string, Attribute> = {};
  for (const [name, value] of Object.entries(values)) item[name] = attributeOf(name, value);
  return item as Item;
}

function attributeOf(name: string, value: AttributeValue): Attribute {
  if (value.S !== undefined) return value.S;
  if (value.N !== undefined) return Number(value.N);
  if (value.B !== undefined) return value.B;
  if (value.L !== undefined) return value.L.map((element) => bytesOf(name, element));
  if (value.SS !== undefined) return new Set(value.SS);
  if (value.NS !== undefined) return new Set(value.NS.map(Number));
  throw unreadable(name);
}

function bytesOf(name: string, value: AttributeValue): Uint8Array {
  if (value.B === undefined) throw unreadable(name);
  return value.B;
}

const unreadable = (name: string): StoreCorrupt =>
  new StoreCorrupt(`attribute ${name} has a type that no item of this store has`);
