import type { Attribute, Condition, Item } from "../../core/ports/item-store.ts";
import { attributeOf, compareUtf8, isList, isSet, sameAttribute } from "./attributes.ts";

/** Whether every condition holds for the item, or for its absence. */
export function holds(item: Item | undefined, when: readonly Condition[] | undefined): boolean {
  if (when === undefined) return true;
  for (const condition of when) if (!holdsOne(item, condition)) return false;
  return true;
}

function holdsOne(item: Item | undefined, condition: Condition): boolean {
  const attribute = attributeOf(item, condition.name);
  switch (condition.op) {
    case "exists":
      return attribute !== undefined;
    case "absent":
      return attribute === undefined;
    case "=":
      return attribute !== undefined && sameAttribute(attribute, condition.value);
    case "<":
    case "<=":
    case ">":
      return ordered(attribute, condition.op, condition.value);
    case "lessThanAttribute": {
      const other = attributeOf(item, condition.other);
      return (typeof other === "string" || typeof other === "number") && ordered(attribute, "<", other);
    }
    case "beginsWith":
      return typeof attribute === "string" && attribute.startsWith(condition.prefix);
    case "contains":
      return contains(attribute, condition.value);
    case "notContains":
      // The exact negation of `contains`, as in DynamoDB: it holds for an absent attribute too.
      return !contains(attribute, condition.value);
  }
}

/** Values of different types have no order: every comparison of them is false. */
function ordered(attribute: Attribute | undefined, op: "<" | "<=" | ">", value: string | number): boolean {
  let order: number;
  if (typeof attribute === "number" && typeof value === "number") order = attribute - value;
  else if (typeof attribute === "string" && typeof value === "string") order = compareUtf8(attribute, value);
  else return false;
  switch (op) {
    case "<":
      return order < 0;
    case "<=":
      return order <= 0;
    case ">":
      return order > 0;
  }
}

/** A member of a set, or a piece of a string. Lists hold bytes, which no value here can equal. */
function contains(attribute: Attribute | undefined, value: string | number): boolean {
  if (typeof attribute === "string") return typeof value === "string" && attribute.includes(value);
  if (attribute === undefined || isList(attribute) || !isSet(attribute)) return false;
  const members: ReadonlySet<string | number> = attribute;
  return members.has(value);
}
