/** Yes, no, or unknown (SQL's NULL). */
export type Truth = boolean | undefined;

export type Comparator = "=" | "<>" | "<" | "<=" | ">" | ">=";
/** The type that both sides of a comparison are read as. */
export type ComparedAs = "text" | "integer" | "decimal" | "truth";
export type Search = "CONTAINS" | "STARTSWITH" | "ENDSWITH";

export interface Property {
  readonly kind: "property";
  readonly name: string;
}

export interface TextLiteral {
  readonly kind: "text";
  readonly value: string;
}

export interface NumberLiteral {
  readonly kind: "number";
  /** A bigint where a number would not be exact. */
  readonly value: number | bigint;
  readonly decimal: boolean;
}

export interface Comparison {
  readonly kind: "comparison";
  readonly comparator: Comparator;
  readonly as: ComparedAs;
  readonly left: Expression;
  readonly right: Expression;
}

/** Expressions with a truth value. A property alone is a condition too, but never true, because it holds a text. */
export type Condition =
  | Property
  | Comparison
  | { readonly kind: "constant"; readonly value: Truth }
  | { readonly kind: "not"; readonly operand: Condition }
  | { readonly kind: "and" | "or"; readonly terms: readonly Condition[] }
  | { readonly kind: "in"; readonly property: Property; readonly texts: readonly string[]; readonly negated: boolean }
  | { readonly kind: "null"; readonly operand: Expression; readonly negated: boolean }
  | {
      readonly kind: "search";
      readonly search: Search;
      readonly within: Property | TextLiteral;
      readonly text: string;
      readonly negated: boolean;
    };

export type Expression = Condition | TextLiteral | NumberLiteral;
