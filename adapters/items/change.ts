import type { Attribute, Change, Item, Key } from "../../core/ports/item-store.ts";
import { StoreMisuse } from "../../core/ports/store-failures.ts";
import { attributeOf, isList, isSet } from "./attributes.ts";
import { adoptAttribute } from "./limits.ts";

/**
 * The item after an update. `before` stays unchanged and shares the attributes that stay. Every action reads `before`.
 * Errors: `StoreMisuse` for an action that DynamoDB rejects: on a key, on one attribute twice, on a missing or unlike attribute.
 */
export function applyChanges(key: Key, before: Item | undefined, changes: readonly Change[]): Item {
  const after = copyOf(before ?? { pk: key.pk, sk: key.sk });
  const named = new Set<string>();
  for (const change of changes) {
    const { name } = change;
    if (name === "pk" || name === "sk") throw new StoreMisuse("an update cannot change the key");
    if (named.has(name)) throw new StoreMisuse(`two actions name ${name}`);
    named.add(name);
    const value = valueAfter(before, change);
    if (value !== undefined) after[name] = value;
    else if (Object.hasOwn(after, name)) delete after[name];
  }
  return after;
}

/** Copies one attribute at a time: for objects with very many names a spread takes four times as long. */
function copyOf(item: Item): Record<string, Attribute> & Key {
  const copy: Record<string, Attribute> & Key = { pk: item.pk, sk: item.sk };
  for (const name in item) copy[name] = item[name] as Attribute;
  return copy;
}

/** `undefined` if the attribute is absent afterwards. */
function valueAfter(before: Item | undefined, change: Change): Attribute | undefined {
  const { name } = change;
  switch (change.op) {
    case "set":
      return adoptAttribute(name, change.value);
    case "copy":
      return present(before, change.from);
    case "increment": {
      const number = present(before, name);
      if (typeof number !== "number") throw new StoreMisuse(`${name} is not a number`);
      return adoptAttribute(name, number + change.by);
    }
    case "append": {
      const list = present(before, name);
      if (!isList(list)) throw new StoreMisuse(`${name} is not a list`);
      return [...list, ...(adoptAttribute(name, change.values) as readonly Uint8Array[])];
    }
    case "addToSet":
      return union(name, attributeOf(before, name), adoptAttribute(name, change.values) as ReadonlySet<string | number>);
    case "deleteFromSet":
      return difference(name, attributeOf(before, name), adoptAttribute(name, change.values) as ReadonlySet<string | number>);
    case "remove":
      return undefined;
  }
}

function present(item: Item | undefined, name: string): Attribute {
  const attribute = attributeOf(item, name);
  if (attribute === undefined) throw new StoreMisuse(`the item has no attribute ${name}`);
  return attribute;
}

function union(name: string, attribute: Attribute | undefined, values: ReadonlySet<string | number>): Attribute {
  if (attribute === undefined) return values as ReadonlySet<string>;
  const members = new Set(likeSet(name, attribute, values));
  for (const value of values) members.add(value);
  return members as ReadonlySet<string>;
}

function difference(name: string, attribute: Attribute | undefined, values: ReadonlySet<string | number>): Attribute | undefined {
  if (attribute === undefined) return undefined;
  const members = new Set(likeSet(name, attribute, values));
  for (const value of values) members.delete(value);
  return members.size === 0 ? undefined : (members as ReadonlySet<string>);
}

/** The attribute as the set it must be: of the same type as `values`. Both are never empty. */
function likeSet(name: string, attribute: Attribute, values: ReadonlySet<string | number>): ReadonlySet<string | number> {
  if (typeof attribute === "object" && !isList(attribute) && isSet(attribute)) {
    const members: ReadonlySet<string | number> = attribute;
    if (typeof first(members) === typeof first(values)) return members;
  }
  throw new StoreMisuse(`${name} is not a set of the same type`);
}

const first = (members: ReadonlySet<string | number>): string | number | undefined => members.values().next().value;
