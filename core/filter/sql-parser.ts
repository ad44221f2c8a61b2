import type { BrokerError } from "../errors.ts";
import { FILTER_DEPTH_MAX, FILTER_OPERANDS_MAX, FILTER_SEARCH_CHARS_MAX } from "../limits.ts";
import { illegalExpression } from "./illegal-expression.ts";
import { readDecimal, readInteger } from "./sql-numbers.ts";
import type { Token, TokenKind } from "./sql-token.ts";
import type { Comparator, Condition, Expression, Search } from "./sql-tree.ts";
import { asCondition, between, compare, type Located } from "./sql-types.ts";
import { shortened, TokenReader } from "./token-reader.ts";

/**
 * Reads an SQL92 expression; PROTOCOL has the rules of types and of NULL.
 *
 *   expression  := conjunction { OR conjunction }
 *   conjunction := negation { AND negation }
 *   negation    := NOT { NOT } operand | operand [ test ]
 *   test        := comparator operand | IS [ NOT ] NULL | [ NOT ] BETWEEN operand AND operand
 *                | [ NOT ] IN "(" text { "," text } ")" | [ NOT ] ( CONTAINS | STARTSWITH | ENDSWITH ) text
 *   operand     := { "+" | "-" } ( literal | property | "(" expression ")" )
 *
 * A property in double quotes cannot stand bare on the right of a comparator or BETWEEN: there it is nearly always meant as a text,
 * and the filter would drop every message in silence.
 *
 * Source: RocketMQ SelectorParser.jj. There NOT binds tighter than a comparison and comparisons chain, so that
 * `NOT a IS NULL` means `a IS NULL`; here both need parentheses. RocketMQ also ignores whatever follows an expression.
 */
export const parseSql = (source: string): Condition => new SqlParser(source).parse();

const COMPARATORS: readonly TokenKind[] = ["=", "<>", "<", "<=", ">", ">="] satisfies Comparator[];
const SEARCHES: readonly TokenKind[] = ["CONTAINS", "STARTSWITH", "ENDSWITH"] satisfies Search[];
const isComparator = (kind: TokenKind): kind is Comparator => COMPARATORS.includes(kind);
const isSearch = (kind: TokenKind): kind is Search => SEARCHES.includes(kind);
/** Tests that may follow a NOT. */
const WORD_TESTS: readonly TokenKind[] = [...SEARCHES, "BETWEEN", "IN", "NOT"];
const startsTest = (kind: TokenKind): boolean => isComparator(kind) || WORD_TESTS.includes(kind) || kind === "IS";

class SqlParser {
  readonly #source: string;
  readonly #tokens: TokenReader;
  #depth = 0;
  #operands = 0;

  constructor(source: string) {
    this.#source = source;
    this.#tokens = new TokenReader(source);
  }

  parse(): Condition {
    const condition = asCondition(this.#source, this.#expression());
    if (this.#tokens.next.kind !== "end") throw this.#tokens.unexpected("AND, OR or the end");
    return condition;
  }

  #expression(): Located {
    return this.#joined("OR", () => this.#joined("AND", () => this.#negation()));
  }

  #joined(word: "AND" | "OR", part: () => Located): Located {
    const first = part();
    if (this.#tokens.next.kind !== word) return first;
    const terms = [asCondition(this.#source, first)];
    while (this.#tokens.accept(word)) terms.push(asCondition(this.#source, part()));
    return { node: { kind: word === "AND" ? "and" : "or", terms }, from: first.from };
  }

  #negation(): Located {
    const condition = this.#tokens.next.kind === "NOT" ? this.#negated() : this.#tested(this.#operand());
    if (!startsTest(this.#tokens.next.kind)) return condition;
    throw this.#tokens.unexpected("AND, OR or the end, or parentheses around what is tested");
  }

  #negated(): Located {
    const not = this.#tokens.next;
    if (!this.#tokens.accept("NOT")) return this.#operand();
    const operand = this.#nested(not, () => asCondition(this.#source, this.#negated()));
    return { node: { kind: "not", operand }, from: not.from };
  }

  #tested(left: Located): Located {
    const { kind } = this.#tokens.next;
    return startsTest(kind) ? { node: this.#test(left, kind), from: left.from } : left;
  }

  #test(left: Located, kind: TokenKind): Condition {
    if (isComparator(kind)) {
      this.#tokens.take();
      return compare(this.#source, left, kind, this.#comparedWith());
    }
    if (this.#tokens.accept("IS")) {
      const negated = this.#tokens.accept("NOT");
      this.#tokens.expect("NULL");
      return { kind: "null", operand: left.node, negated };
    }
    return this.#wordTest(left, this.#tokens.accept("NOT"));
  }

  #wordTest(left: Located, negated: boolean): Condition {
    const { kind } = this.#tokens.next;
    if (isSearch(kind)) return this.#search(left, kind, negated);
    if (this.#tokens.accept("IN")) return this.#in(left, negated);
    if (!this.#tokens.accept("BETWEEN")) throw this.#tokens.unexpected("BETWEEN, IN, CONTAINS, STARTSWITH or ENDSWITH");
    const low = this.#comparedWith();
    this.#tokens.expect("AND");
    return between(this.#source, { value: left, low, high: this.#comparedWith(), negated });
  }

  #in({ node, from }: Located, negated: boolean): Condition {
    if (node.kind !== "property") throw this.#illegal(from, "expected a property before IN.");
    this.#tokens.expect("(");
    const texts: string[] = [];
    do texts.push(this.#tokens.expect("text").value);
    while (this.#tokens.accept(","));
    this.#tokens.expect(")");
    return { kind: "in", property: node, texts, negated };
  }

  #search({ node, from }: Located, search: Search, negated: boolean): Condition {
    if (node.kind !== "property" && node.kind !== "text") {
      throw this.#illegal(from, `expected a property or a text before ${search}.`);
    }
    this.#tokens.take();
    const text = this.#tokens.expect("text");
    if (text.value.length > FILTER_SEARCH_CHARS_MAX) {
      throw this.#illegal(text.from, `${search} takes at most ${FILTER_SEARCH_CHARS_MAX} characters.`);
    }
    return { kind: "search", search, within: node, text: text.value, negated };
  }

  #comparedWith(): Located {
    const { kind, from, to } = this.#tokens.next;
    if (kind !== "name" || this.#source[from] !== '"') return this.#operand();
    const written = shortened(this.#source.slice(from, to));
    throw this.#illegal(from, `${written} is a property; texts have single quotes. For the property write (${written}).`);
  }

  /** RocketMQ turns `-` before anything but a number into NULL; here that is refused. */
  #operand(): Located {
    const { from } = this.#tokens.next;
    let minuses = 0;
    while (this.#tokens.next.kind === "+" || this.#tokens.next.kind === "-") {
      if (this.#tokens.take().kind === "-") minuses++;
    }
    const { node, from: at } = this.#primary();
    if (minuses > 0 && node.kind !== "number") throw this.#illegal(at, "expected a number after '-'.");
    return { node: node.kind === "number" && minuses % 2 === 1 ? { ...node, value: -node.value } : node, from };
  }

  #primary(): Located {
    const first = this.#tokens.next;
    if (++this.#operands > FILTER_OPERANDS_MAX)
      throw this.#illegal(first.from, `more than ${FILTER_OPERANDS_MAX} values and parentheses.`);
    if (!this.#tokens.accept("(")) {
      const node = this.#value(first);
      this.#tokens.take();
      return { node, from: first.from };
    }
    const { node } = this.#nested(first, () => this.#expression());
    this.#tokens.expect(")");
    return { node, from: first.from };
  }

  #value(token: Token): Expression {
    switch (token.kind) {
      case "name":
        return { kind: "property", name: token.value };
      case "text":
        return { kind: "text", value: token.value };
      case "integer":
        return { kind: "number", value: this.#integer(token), decimal: false };
      case "decimal":
        return { kind: "number", value: this.#decimal(token), decimal: true };
      case "TRUE":
        return { kind: "constant", value: true };
      case "FALSE":
        return { kind: "constant", value: false };
      case "NULL":
        return { kind: "constant", value: undefined };
      default:
        throw this.#tokens.unexpected("a property, a value or '('");
    }
  }

  #integer({ value, from }: Token): number | bigint {
    const integer = readInteger(value);
    if (integer === undefined) throw this.#illegal(from, "expected an integer of 64 bits.");
    return integer;
  }

  /** Source: RocketMQ ConstantExpression.createFloat, for which Java's Double.MIN_VALUE is the least, so that there is no 0.0. */
  #decimal({ value, from }: Token): number {
    const decimal = readDecimal(value);
    if (decimal === undefined || decimal < Number.MIN_VALUE || decimal > Number.MAX_VALUE) {
      throw this.#illegal(from, "expected a decimal from 4.9E-324 to 1.7976931348623157E308 (for a > 0.0 write a >= 4.9E-324).");
    }
    return decimal;
  }

  #nested<Result>({ from }: Token, inner: () => Result): Result {
    if (++this.#depth > FILTER_DEPTH_MAX)
      throw this.#illegal(from, `more than ${FILTER_DEPTH_MAX} levels of parentheses and NOT.`);
    const result = inner();
    this.#depth--;
    return result;
  }

  #illegal(from: number, problem: string): BrokerError {
    return illegalExpression(this.#source, from, problem);
  }
}
