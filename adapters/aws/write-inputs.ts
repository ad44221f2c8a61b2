import type { AttributeValue, TransactWriteItem } from "@aws-sdk/client-dynamodb";
import type { Change, Condition, Item, Key, TransactWrite } from "../../core/ports/item-store.ts";
import { checkKey } from "../items/limits.ts";
import { attributeValues, keyValues } from "./attribute-values.ts";
import { Expressions } from "./expressions.ts";

/** The form of a write in DynamoDB, alone (`PutItem`) or in a transaction (`Put`). Errors: `StoreMisuse`. */
interface WriteInput extends ReturnType<Expressions["placeholders"]> {
  readonly TableName: string;
  readonly ConditionExpression?: string;
  readonly ReturnValuesOnConditionCheckFailure?: "ALL_OLD";
}

type Values = Record<string, AttributeValue>;

export function putInput(table: string, item: Item, when?: readonly Condition[]): WriteInput & { readonly Item: Values } {
  const expressions = new Expressions();
  return { Item: attributeValues(item), ...writeInput(table, expressions, expressions.condition(when)) };
}

export function updateInput(
  table: string,
  key: Key,
  changes: readonly Change[],
  when?: readonly Condition[],
): WriteInput & { readonly Key: Values; readonly UpdateExpression: string | undefined } {
  checkKey(key);
  const expressions = new Expressions();
  const UpdateExpression = expressions.update(changes);
  return { Key: keyValues(key), UpdateExpression, ...writeInput(table, expressions, expressions.condition(when)) };
}

export function deleteInput(table: string, key: Key, when?: readonly Condition[]): WriteInput & { readonly Key: Values } {
  checkKey(key);
  const expressions = new Expressions();
  return { Key: keyValues(key), ...writeInput(table, expressions, expressions.condition(when)) };
}

export function transactItem(table: string, write: TransactWrite): TransactWriteItem {
  switch (write.kind) {
    case "put":
      return { Put: putInput(table, write.item, write.when) };
    case "update": {
      // In a transaction, an update needs an expression even if it only makes sure that the item exists.
      const changes = write.changes.length > 0 ? write.changes : NO_CHANGE;
      const { UpdateExpression = "", ...input } = updateInput(table, write.key, changes, write.when);
      return { Update: { UpdateExpression, ...input } };
    }
    case "delete":
      return { Delete: deleteInput(table, write.key, write.when) };
    case "check": {
      const { ConditionExpression = ALWAYS, ...input } = deleteInput(table, write.key, write.when);
      return { ConditionCheck: { ConditionExpression, ...input } };
    }
  }
}

/** No attribute of an item can have this name. */
const NO_CHANGE: readonly Change[] = [{ op: "remove", name: "__proto__" }];
const ALWAYS = "attribute_exists(pk) OR attribute_not_exists(pk)";

function writeInput(table: string, expressions: Expressions, ConditionExpression: string | undefined): WriteInput {
  return {
    TableName: table,
    ...expressions.placeholders(),
    // A lost race shows its winner without another read.
    ...(ConditionExpression !== undefined && { ConditionExpression, ReturnValuesOnConditionCheckFailure: "ALL_OLD" }),
  };
}
