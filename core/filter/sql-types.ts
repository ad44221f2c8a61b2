import { illegalExpression } from "./illegal-expression.ts";
import type { Comparator, ComparedAs, Comparison, Condition, Expression } from "./sql-tree.ts";

/** An expression, and where in the source it begins. */
export interface Located {
  readonly node: Expression;
  readonly from: number;
}

/** Source: RocketMQ SelectorParser.asBooleanExpression. */
export function asCondition(source: string, { node, from }: Located): Condition {
  if (isLiteral(node)) throw illegalExpression(source, from, `expected a condition, found a ${node.kind}.`);
  return node;
}

/**
 * Decides once which type both sides are read as: the literal's, since properties are texts.
 * Source: RocketMQ ComparisonExpression.checkLessThanOperand, checkEqualOperand, checkEqualOperandCompatability and __compare.
 */
export function compare(source: string, left: Located, comparator: Comparator, right: Located): Comparison {
  const sides = [left, right];
  const equality = comparator === "=" || comparator === "<>";
  for (const { node, from } of sides) {
    if (node.kind === "constant" && node.value === undefined) {
      throw illegalExpression(source, from, "NULL equals nothing; write IS NULL or IS NOT NULL.");
    }
    if (!equality && node.kind !== "property" && node.kind !== "number") {
      throw illegalExpression(
        source,
        from,
        `'${comparator}' orders numbers, and found a ${node.kind === "text" ? "text" : "condition"}.`,
      );
    }
  }
  const literal = sides.find(({ node }) => isLiteral(node));
  if (literal !== undefined && sides.some(({ node }) => isTruth(node))) {
    throw illegalExpression(source, literal.from, `a condition cannot be compared with a ${literal.node.kind}.`);
  }
  return { kind: "comparison", comparator, as: comparedAs(left.node, right.node, equality), left: left.node, right: right.node };
}

function comparedAs(left: Expression, right: Expression, equality: boolean): ComparedAs {
  if (isTruth(left) || isTruth(right)) return "truth";
  const numbers = [left, right].filter((node) => node.kind === "number");
  if (numbers.length === 0) return equality ? "text" : "decimal";
  return numbers.some(({ decimal }) => decimal) ? "decimal" : "integer";
}

export interface Between {
  readonly value: Located;
  readonly low: Located;
  readonly high: Located;
  readonly negated: boolean;
}

/** Source: RocketMQ ComparisonExpression.createBetween, which refuses bounds with nothing between them. */
export function between(source: string, { value, low, high, negated }: Between): Condition {
  if (negated) return { kind: "or", terms: [compare(source, value, "<", low), compare(source, value, ">", high)] };
  const terms = [compare(source, value, ">=", low), compare(source, value, "<=", high)];
  if (low.node.kind === "number" && high.node.kind === "number" && low.node.value > high.node.value) {
    throw illegalExpression(source, low.from, "the lower bound is above the upper one.");
  }
  return { kind: "and", terms };
}

const isLiteral = (node: Expression) => node.kind === "text" || node.kind === "number";
const isTruth = (node: Expression): boolean => !isLiteral(node) && node.kind !== "property";
