import type { AttributeValue } from "@aws-sdk/client-dynamodb";
import type { Attribute, Change, Condition } from "../../core/ports/item-store.ts";
import { attributeValue } from "./attribute-values.ts";

/**
 * Conditions and changes as DynamoDB's expressions. Every name and value is a placeholder: `NEXT`, `TTL` and some 570 other words
 * are reserved. The expressions of one call share one `Expressions`.
 */
export class Expressions {
  readonly #names = new Map<string, string>();
  readonly #values: Record<string, AttributeValue> = {};
  #valueCount = 0;

  /** The names and values that the expressions built so far refer to. DynamoDB refuses empty maps and unused entries. */
  placeholders(): {
    readonly ExpressionAttributeNames: Record<string, string> | undefined;
    readonly ExpressionAttributeValues: Record<string, AttributeValue> | undefined;
  } {
    const names = [...this.#names].map(([name, placeholder]) => [placeholder, name] as const);
    return {
      ExpressionAttributeNames: names.length > 0 ? Object.fromEntries(names) : undefined,
      ExpressionAttributeValues: this.#valueCount > 0 ? this.#values : undefined,
    };
  }

  /** `undefined` when there is no condition. */
  condition(when: readonly Condition[] | undefined): string | undefined {
    if (when === undefined || when.length === 0) return undefined;
    return when.map((condition) => this.#term(condition)).join(" AND ");
  }

  /** `undefined` when nothing changes: then an update only makes sure that the item exists. */
  update(changes: readonly Change[]): string | undefined {
    const clauses = new Map<string, string[]>();
    for (const change of changes) {
      const [clause, action] = this.#action(change);
      const actions = clauses.get(clause);
      if (actions === undefined) clauses.set(clause, [action]);
      else actions.push(action);
    }
    if (clauses.size === 0) return undefined;
    return [...clauses].map(([clause, actions]) => `${clause} ${actions.join(", ")}`).join(" ");
  }

  name(name: string): string {
    let placeholder = this.#names.get(name);
    if (placeholder === undefined) {
      placeholder = `#${this.#names.size}`;
      this.#names.set(name, placeholder);
    }
    return placeholder;
  }

  value(name: string, value: Attribute): string {
    const placeholder = `:${this.#valueCount++}`;
    this.#values[placeholder] = attributeValue(name, value);
    return placeholder;
  }

  #term(condition: Condition): string {
    const name = this.name(condition.name);
    switch (condition.op) {
      case "exists":
        return `attribute_exists(${name})`;
      case "absent":
        return `attribute_not_exists(${name})`;
      case "=":
      case "<":
      case "<=":
      case ">":
        return `${name} ${condition.op} ${this.value(condition.name, condition.value)}`;
      case "lessThanAttribute":
        // DynamoDB refuses to compare an attribute with itself. It is never less than itself, so this condition is always false.
        if (condition.other === condition.name) return `(attribute_exists(${name}) AND attribute_not_exists(${name}))`;
        return `${name} < ${this.name(condition.other)}`;
      case "beginsWith":
        return `begins_with(${name}, ${this.value(condition.name, condition.prefix)})`;
      case "contains":
        return `contains(${name}, ${this.value(condition.name, condition.value)})`;
      case "notContains":
        return `NOT contains(${name}, ${this.value(condition.name, condition.value)})`;
    }
  }

  #action(change: Change): readonly ["SET" | "REMOVE" | "ADD" | "DELETE", string] {
    const name = this.name(change.name);
    switch (change.op) {
      case "set":
        return ["SET", `${name} = ${this.value(change.name, change.value)}`];
      case "copy":
        return ["SET", `${name} = ${this.name(change.from)}`];
      case "increment":
        return ["SET", `${name} = ${name} + ${this.value(change.name, change.by)}`];
      case "append":
        return ["SET", `${name} = list_append(${name}, ${this.value(change.name, change.values)})`];
      case "addToSet":
        return ["ADD", `${name} ${this.value(change.name, change.values)}`];
      case "deleteFromSet":
        return ["DELETE", `${name} ${this.value(change.name, change.values)}`];
      case "remove":
        return ["REMOVE", name];
    }
  }
}
