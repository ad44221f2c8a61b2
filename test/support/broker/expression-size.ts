import { updateInput } from "../../../adapters/aws/write-inputs.ts";
import type { Change, Condition, Key } from "../../../core/ports/item-store.ts";

/** DynamoDB's limits of one expression. Source: its service quotas, "Expression parameters". */
export const EXPRESSION_BYTES_MAX = 4_096;
export const EXPRESSION_OPERATORS_MAX = 300;

export interface ExpressionSize {
  readonly bytes: number;
  readonly operators: number;
}

export const NO_EXPRESSION: ExpressionSize = { bytes: 0, operators: 0 };

/** The largest of an update's two expressions on DynamoDB and `before`. */
export function largestExpression(
  before: ExpressionSize,
  update: { readonly key: Key; readonly changes: readonly Change[]; readonly when?: readonly Condition[] | undefined },
): ExpressionSize {
  const { UpdateExpression = "", ConditionExpression = "" } = updateInput("table", update.key, update.changes, update.when);
  const both = [UpdateExpression, ConditionExpression];
  return {
    bytes: Math.max(before.bytes, ...both.map((expression) => Buffer.byteLength(expression))),
    operators: Math.max(before.operators, ...both.map(operatorsIn)),
  };
}

const OPERATOR = /attribute_exists|attribute_not_exists|begins_with|contains|list_append|<=|>=|<|>|=|\+|\bAND\b|\bNOT\b/g;
const operatorsIn = (expression: string): number => expression.match(OPERATOR)?.length ?? 0;
