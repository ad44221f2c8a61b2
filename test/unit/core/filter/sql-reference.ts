import fc from "fast-check";
import type { SeededRandom } from "../../../support/seeded-random.ts";

/**
 * A second opinion on SQL92 filters: trees made at random, printed as text for the filter to read, and evaluated here by the
 * letter of PROTOCOL, slowly, with nothing shared with what is tested.
 */
export type Operand =
  | { readonly is: "property"; readonly name: string }
  | { readonly is: "text"; readonly text: string }
  | { readonly is: "integer" | "decimal"; readonly digits: string; readonly minus: boolean };

export type Tree =
  | { readonly is: "constant"; readonly word: "TRUE" | "FALSE" | "NULL" }
  | { readonly is: "property"; readonly name: string }
  | { readonly is: "and" | "or"; readonly left: Tree; readonly right: Tree }
  | { readonly is: "not"; readonly tree: Tree }
  | { readonly is: "equal"; readonly operator: "=" | "<>"; readonly left: Operand; readonly right: Operand }
  | { readonly is: "truth"; readonly operator: "=" | "<>"; readonly left: Tree; readonly right: Tree }
  | { readonly is: "order"; readonly operator: "<" | "<=" | ">" | ">="; readonly left: Operand; readonly right: Operand }
  | { readonly is: "between"; readonly value: Operand; readonly low: Operand; readonly high: Operand; readonly not: boolean }
  | { readonly is: "in"; readonly name: string; readonly texts: readonly string[]; readonly not: boolean }
  | { readonly is: "search"; readonly word: string; readonly within: Operand; readonly text: string; readonly not: boolean }
  | { readonly is: "null"; readonly tree: Tree; readonly not: boolean };

export type Properties = Readonly<Record<string, string>>;
export type Answer = "TRUE" | "FALSE" | "NULL";

const NAMES = ["a", "b", "$c_1", "TAGS", "KEYS", "order-type", "x.y/z", "in", 'say "hi"', "it's -- 1", "größe"] as const;
/** Whole and broken numbers, words that look like syntax, and the edges of 32, 53 and 64 bits. */
const TEXTS = [
  ..."0|1|-1|+5|007|12|3.5|.5|5.|1e3|1E-2|-2.50|abc|a|true|TRUE|tRuE|false|null|it's|''|x y| 1|1 |0x10|NaN|1_000|3.5f".split("|"),
  ...[
    "2147483648",
    "9007199254740993",
    "-9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
  ],
  ...["", "1e400", "ünïcode", "-", "+", ".", "e5", "9".repeat(64), "9".repeat(65), `${"0".repeat(63)}1`],
];
const INTEGERS = ["0", "1", "5", "12", "12L", "7l", "2147483648", "9007199254740993", "9223372036854775807"];
const DECIMALS = ["0.5", ".5", "5.", "3.50", "1e3", "2.E1", "1E-2", "9007199254740993.0"];

const not = fc.boolean();
const text = fc.constantFrom(...TEXTS);
const name = fc.constantFrom(...NAMES);
const property = fc.record({ is: fc.constant("property" as const), name });
const number: fc.Arbitrary<Operand> = fc.oneof(
  fc.record({ is: fc.constant("integer" as const), digits: fc.constantFrom(...INTEGERS), minus: not }),
  fc.record({ is: fc.constant("decimal" as const), digits: fc.constantFrom(...DECIMALS), minus: not }),
);
const orderable: fc.Arbitrary<Operand> = fc.oneof({ weight: 2, arbitrary: property }, number);
const textual: fc.Arbitrary<Operand> = fc.oneof(
  { weight: 3, arbitrary: property },
  fc.record({ is: fc.constant("text" as const), text }),
);
const equality = fc.constantFrom("=" as const, "<>" as const);

/** A whole number of 64 bits is compared with a broken one as it is, not as the double next to it. */
const above = (low: Operand, high: Operand): boolean => "digits" in low && "digits" in high && exact(low) > exact(high);
const exact = (operand: Operand & { readonly is: "integer" | "decimal" }): number | bigint =>
  read(operand, operand.is, {}) as number | bigint;

export const trees: fc.Arbitrary<Tree> = fc.letrec<{ tree: Tree }>((tie) => {
  const tree = tie("tree");
  return {
    tree: fc.oneof(
      { maxDepth: 5, depthSize: "small" },
      fc.record({
        is: fc.constant("constant" as const),
        word: fc.constantFrom("TRUE" as const, "FALSE" as const, "NULL" as const),
      }),
      property,
      fc.record({
        is: fc.constant("equal" as const),
        operator: equality,
        left: fc.oneof(textual, number),
        right: fc.oneof(textual, number),
      }),
      fc.record({
        is: fc.constant("order" as const),
        operator: fc.constantFrom("<" as const, "<=" as const, ">" as const, ">=" as const),
        left: orderable,
        right: orderable,
      }),
      fc
        .record({ is: fc.constant("between" as const), value: orderable, low: orderable, high: orderable, not })
        .filter(({ low, high, not }) => not || !above(low, high)),
      fc.record({ is: fc.constant("in" as const), name, texts: fc.array(text, { minLength: 1, maxLength: 7 }), not }),
      fc.record({
        is: fc.constant("search" as const),
        word: fc.constantFrom("CONTAINS", "STARTSWITH", "ENDSWITH"),
        within: textual,
        text,
        not,
      }),
      fc.record({ is: fc.constant("null" as const), tree: fc.oneof(property, tree), not }),
      fc.record({ is: fc.constant("not" as const), tree }),
      fc.record({ is: fc.constantFrom("and" as const, "or" as const), left: tree, right: tree }),
      fc.record({ is: fc.constantFrom("and" as const, "or" as const), left: tree, right: tree }),
      fc
        .record({ is: fc.constant("truth" as const), operator: equality, left: tree, right: tree })
        .filter(({ left, right }) => ![left, right].some((side) => side.is === "constant" && side.word === "NULL"))
        .filter(({ left, right }) => left.is !== "property" || right.is !== "property"),
    ),
  };
}).tree;

/** Some of the names, with values that often meet the literals. */
export const propertySets: fc.Arbitrary<Properties> = fc.dictionary(name, text, { maxKeys: NAMES.length });

// Printing

/** As text that reads back as the same tree: with whatever spaces, comments, cases and needless parentheses chance brings. */
export function print(tree: Tree, random: SeededRandom): string {
  return spaced(parts(tree, random, 0), random);
}

const LEVEL = { or: 1, and: 2, not: 3, operand: 4 } as const;

const levelOf = (tree: Tree): number => {
  if (tree.is === "or" || tree.is === "and") return LEVEL[tree.is];
  return tree.is === "constant" || tree.is === "property" ? LEVEL.operand : LEVEL.not;
};

/** The tokens of a tree where `level` is the loosest that may stand bare. */
function parts(tree: Tree, random: SeededRandom, level: number): string[] {
  const bare = bareParts(tree, random);
  return levelOf(tree) < level || random.chance(0.1) ? ["(", ...bare, ")"] : bare;
}

function bareParts(tree: Tree, random: SeededRandom): string[] {
  const of = (operand: Operand) => operandParts(operand, random);
  const texts = (...values: readonly string[]) => values.flatMap((value) => [",", quoted(value)]).slice(1);
  const negation = "not" in tree && tree.not ? ["NOT"] : [];
  switch (tree.is) {
    case "constant":
      return [tree.word];
    case "property":
      return [named(tree.name, random)];
    case "and":
    case "or":
      return [...parts(tree.left, random, LEVEL[tree.is]), tree.is.toUpperCase(), ...parts(tree.right, random, LEVEL[tree.is])];
    case "not":
      // NOT of NOT needs no parentheses, of a test it does.
      return ["NOT", ...parts(tree.tree, random, tree.tree.is === "not" ? LEVEL.not : LEVEL.operand)];
    case "truth":
      return [...parts(tree.left, random, LEVEL.operand), tree.operator, ...onTheRight(parts(tree.right, random, LEVEL.operand))];
    case "equal":
    case "order":
      return [...of(tree.left), tree.operator, ...onTheRight(of(tree.right))];
    case "between":
      return [...of(tree.value), ...negation, "BETWEEN", ...onTheRight(of(tree.low)), "AND", ...onTheRight(of(tree.high))];
    case "in":
      return [named(tree.name, random), ...negation, "IN", "(", ...texts(...tree.texts), ")"];
    case "search":
      return [...of(tree.within), ...negation, tree.word, ...texts(tree.text)];
    case "null":
      return [...parts(tree.tree, random, LEVEL.operand), "IS", ...negation, "NULL"];
  }
}

function operandParts(operand: Operand, random: SeededRandom): string[] {
  const bare =
    operand.is === "property"
      ? [named(operand.name, random)]
      : operand.is === "text"
        ? [quoted(operand.text)]
        : numberParts(operand);
  return random.chance(0.1) ? ["(", ...bare, ")"] : random.chance(0.05) ? ["+", ...bare] : bare;
}

const numberParts = ({ digits, minus }: { digits: string; minus: boolean }): string[] => (minus ? ["-", digits] : [digits]);
/** Where a text would stand a name in double quotes is read with parentheses only. */
const onTheRight = (tokens: readonly string[]): readonly string[] =>
  tokens[0]?.startsWith('"') ? ["(", ...tokens, ")"] : tokens;
const named = (name: string, random: SeededRandom): string =>
  /^[a-zA-Z_$][\w$]*$/.test(name) && name !== "in" && random.chance(0.8) ? name : `"${name.split('"').join('""')}"`;
const quoted = (value: string): string => `'${value.split("'").join("''")}'`;

function spaced(tokens: readonly string[], random: SeededRandom): string {
  let line = "";
  for (const token of tokens) {
    const apart = /[\w$.]$/.test(line) && /^[\w$.]/.test(token);
    const gap = random.pick(["", "", " ", "  ", "\n", "\t", "\r\f", " /* a * b / 'c */", " -- it's\n"]);
    // Two minus signs in a row would begin a comment.
    line += (gap === "" && (apart || token === "-") ? " " : gap) + recased(token, random);
  }
  return line;
}

const WORDS = new Set("AND BETWEEN CONTAINS ENDSWITH FALSE IN IS NOT NULL OR STARTSWITH TRUE".split(" "));

const recased = (token: string, random: SeededRandom): string =>
  WORDS.has(token) ? [...token].map((letter) => (random.chance(0.3) ? letter.toLowerCase() : letter)).join("") : token;

// Evaluation

export function evaluate(tree: Tree, properties: Properties): Answer {
  switch (tree.is) {
    case "constant":
      return tree.word;
    case "property":
      return tree.name in properties ? "FALSE" : "NULL";
    case "and":
      return least([evaluate(tree.left, properties), evaluate(tree.right, properties)]);
    case "or":
      return opposite(least([opposite(evaluate(tree.left, properties)), opposite(evaluate(tree.right, properties))]));
    case "not":
      return opposite(evaluate(tree.tree, properties));
    case "truth":
      return compared(truthOf(tree.left, properties), tree.operator, truthOf(tree.right, properties));
    case "equal":
      return compareOperands(tree.left, tree.operator, tree.right, properties);
    case "order":
      return compareOperands(tree.left, tree.operator, tree.right, properties);
    case "between": {
      const atLeast = compareOperands(tree.value, ">=", tree.low, properties);
      const atMost = compareOperands(tree.value, "<=", tree.high, properties);
      return tree.not ? opposite(least([atLeast, atMost])) : least([atLeast, atMost]);
    }
    case "in":
      return tree.name in properties ? answer(tree.texts.includes(properties[tree.name] as string) !== tree.not) : "NULL";
    case "search":
      return search(tree, read(tree.within, "text", properties) as string | undefined);
    case "null":
      return answer((evaluate(tree.tree, properties) === "NULL") !== tree.not);
  }
}

const answer = (truth: boolean): Answer => (truth ? "TRUE" : "FALSE");
const opposite = (truth: Answer): Answer => (truth === "NULL" ? "NULL" : answer(truth === "FALSE"));
const least = (truths: readonly Answer[]): Answer =>
  (["FALSE", "NULL", "TRUE"] as const).find((truth) => truths.includes(truth)) as Answer;

function search({ word, text, not }: Extract<Tree, { is: "search" }>, within: string | undefined): Answer {
  if (text === "" || within === undefined) return "FALSE";
  const places = [...within].map((_, at) => at).concat(within.length);
  const found = places.filter((at) => within.slice(at, at + text.length) === text);
  if (word === "CONTAINS") return answer(found.length > 0 !== not);
  return answer(found.includes(word === "STARTSWITH" ? 0 : within.length - text.length) !== not);
}

type Value = string | number | bigint | boolean | undefined;

/** A property next to a condition is read as a truth. */
function truthOf(tree: Tree, properties: Properties): Value {
  if (tree.is === "property") return tree.name in properties ? /^true$/i.test(properties[tree.name] as string) : undefined;
  const truth = evaluate(tree, properties);
  return truth === "NULL" ? undefined : truth === "TRUE";
}

function compareOperands(left: Operand, operator: string, right: Operand, properties: Properties): Answer {
  const kinds = [left.is, right.is];
  const ordered = operator !== "=" && operator !== "<>";
  const as = kinds.includes("decimal") ? "decimal" : kinds.includes("integer") ? "integer" : ordered ? "decimal" : "text";
  return compared(read(left, as, properties), operator, read(right, as, properties));
}

function compared(left: Value, operator: string, right: Value): Answer {
  if (left === undefined || right === undefined) return "NULL";
  const order = left < right ? -1 : left > right ? 1 : 0;
  const holds = { "=": order === 0, "<>": order !== 0, "<": order < 0, "<=": order <= 0, ">": order > 0, ">=": order >= 0 };
  return answer(holds[operator as keyof typeof holds]);
}

function read(operand: Operand, as: "text" | "integer" | "decimal", properties: Properties): Value {
  if ("digits" in operand) {
    const digits = (operand.minus ? "-" : "") + operand.digits.replace(/l$/i, "");
    return as === "integer" ? BigInt(digits) : Number.parseFloat(digits);
  }
  const text = "text" in operand ? operand.text : properties[operand.name];
  if (text === undefined || as === "text") return text;
  if (text.length > 64) return undefined;
  return as === "integer" ? integer(text) : decimal(text);
}

const allDigits = (text: string): boolean => [...text].every((character) => "0123456789".includes(character));
const unsigned = (text: string): string => (text.startsWith("-") || text.startsWith("+") ? text.slice(1) : text);

function integer(text: string): bigint | undefined {
  const digits = unsigned(text);
  if (digits === "" || !allDigits(digits)) return undefined;
  const value = text.startsWith("-") ? -BigInt(digits) : BigInt(digits);
  return value === BigInt.asIntN(64, value) ? value : undefined;
}

function decimal(text: string): number | undefined {
  const [mantissa = "", exponent, more] = unsigned(text).split(/e/i);
  const [whole = "", fraction = "", rest] = mantissa.split(".");
  if (more !== undefined || rest !== undefined || !allDigits(whole + fraction) || whole + fraction === "") return undefined;
  if (exponent !== undefined && (unsigned(exponent) === "" || !allDigits(unsigned(exponent)))) return undefined;
  return Number.parseFloat(text);
}
