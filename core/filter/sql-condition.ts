import type { FilteredMessage } from "./filtered-message.ts";
import { readDecimal, readInteger } from "./sql-numbers.ts";
import type { Comparator, ComparedAs, Comparison, Condition, Expression, Property, TextLiteral, Truth } from "./sql-tree.ts";

export type TruthOf = (message: FilteredMessage) => Truth;
type Comparable = string | number | bigint | boolean;
type Reading = (message: FilteredMessage) => Comparable | undefined;

/**
 * Turns a condition into a function of a message, by SQL's three-valued logic. An absent property is unknown, and so is a text that is
 * no number where a number is needed.
 *
 * Evaluation is bounded by construction: it walks the tree once, loops only over the terms of AND and OR, and recurses as deep as the
 * text nests. FILTER_OPERANDS_MAX and FILTER_DEPTH_MAX limit both. An operand is read at most twice (BETWEEN), of at most
 * PROPERTIES_BYTES_MAX, in linear time: numbers up to FILTER_NUMBER_CHARS_MAX, searches for up to FILTER_SEARCH_CHARS_MAX.
 */
export function compileSql(condition: Condition): TruthOf {
  switch (condition.kind) {
    case "constant":
      return () => condition.value;
    case "property": {
      // Source: RocketMQ UnaryExpression.createBooleanCast: a property is a text, so it is never TRUE.
      const property = propertyOf(condition.name);
      return (message) => (property(message) === undefined ? undefined : false);
    }
    case "comparison":
      return comparisonOf(condition);
    case "not": {
      const operand = compileSql(condition.operand);
      return (message) => negated(operand(message));
    }
    case "and":
      return conjunctionOf(condition.terms.map(compileSql));
    case "or":
      return disjunctionOf(condition.terms.map(compileSql));
    case "null":
      return nullTestOf(condition);
    case "in":
      return inTestOf(condition);
    case "search":
      return searchOf(condition);
  }
}

type Node<Kind extends Condition["kind"]> = Extract<Condition, { readonly kind: Kind }>;

const negated = (truth: Truth): Truth => (truth === undefined ? undefined : !truth);

const conjunctionOf =
  (terms: readonly TruthOf[]): TruthOf =>
  (message) => {
    let truth: Truth = true;
    for (const term of terms) {
      const value = term(message);
      if (value === false) return false;
      if (value === undefined) truth = undefined;
    }
    return truth;
  };

const disjunctionOf =
  (terms: readonly TruthOf[]): TruthOf =>
  (message) => {
    let truth: Truth = false;
    for (const term of terms) {
      const value = term(message);
      if (value === true) return true;
      if (value === undefined) truth = undefined;
    }
    return truth;
  };

function nullTestOf({ operand, negated }: Node<"null">): TruthOf {
  if (operand.kind === "text" || operand.kind === "number") return () => negated;
  const value = operand.kind === "property" ? propertyOf(operand.name) : compileSql(operand);
  return (message) => (value(message) === undefined) !== negated;
}

function inTestOf({ property, texts, negated }: Node<"in">): TruthOf {
  const value = propertyOf(property.name);
  const among = new Set(texts);
  return (message) => {
    const text = value(message);
    return text === undefined ? undefined : among.has(text) !== negated;
  };
}

/** Source: RocketMQ ComparisonExpression: absent properties and empty searches make FALSE, with and without NOT. */
function searchOf({ search, within, text, negated }: Node<"search">): TruthOf {
  if (text === "") return () => false;
  const value = textOf(within);
  const found = SEARCHES[search];
  return (message) => {
    const searched = value(message);
    return searched !== undefined && found(searched, text) !== negated;
  };
}

const SEARCHES = {
  CONTAINS: (within: string, text: string) => within.includes(text),
  STARTSWITH: (within: string, text: string) => within.startsWith(text),
  ENDSWITH: (within: string, text: string) => within.endsWith(text),
};

function comparisonOf({ comparator, as, left, right }: Comparison): TruthOf {
  const holds = COMPARATORS[comparator];
  const leftOf = readingOf(left, as);
  const rightOf = readingOf(right, as);
  return (message) => {
    const leftValue = leftOf(message);
    if (leftValue === undefined) return undefined;
    const rightValue = rightOf(message);
    return rightValue === undefined ? undefined : holds(leftValue, rightValue);
  };
}

const COMPARATORS: Record<Comparator, (left: Comparable, right: Comparable) => boolean> = {
  "=": (left, right) => left === right,
  "<>": (left, right) => left !== right,
  "<": (left, right) => left < right,
  "<=": (left, right) => left <= right,
  ">": (left, right) => left > right,
  ">=": (left, right) => left >= right,
};

/** How one side of a comparison is read. */
function readingOf(node: Expression, as: ComparedAs): Reading {
  if (node.kind === "number") {
    const value = as === "decimal" ? Number(node.value) : node.value;
    return () => value;
  }
  if (node.kind !== "property" && node.kind !== "text") return compileSql(node);
  const text = textOf(node);
  if (as === "text") return text;
  const read = READINGS[as];
  return (message) => {
    const value = text(message);
    return value === undefined ? undefined : read(value);
  };
}

/** Source: Java's Long.valueOf, Double.valueOf and Boolean.valueOf, by which any text but "true" is FALSE. */
const READINGS: Record<Exclude<ComparedAs, "text">, (text: string) => Comparable | undefined> = {
  integer: readInteger,
  decimal: readDecimal,
  truth: (text) => text.toLowerCase() === "true",
};

type TextReading = (message: FilteredMessage) => string | undefined;

const textOf = (node: Property | TextLiteral): TextReading => (node.kind === "text" ? () => node.value : propertyOf(node.name));

const propertyOf = (name: string): TextReading =>
  name === "TAGS" ? (message) => message.tag : (message) => message.property(name);
