import { illegalExpression } from "./illegal-expression.ts";

const KEYWORDS = [
  "AND",
  "BETWEEN",
  "CONTAINS",
  "ENDSWITH",
  "FALSE",
  "IN",
  "IS",
  "NOT",
  "NULL",
  "OR",
  "STARTSWITH",
  "TRUE",
] as const;
type Keyword = (typeof KEYWORDS)[number];
type Punctuation = "=" | "<>" | "<" | "<=" | ">" | ">=" | "(" | ")" | "," | "+" | "-";

export type TokenKind = Keyword | Punctuation | "name" | "text" | "integer" | "decimal" | "end";

export interface Token {
  readonly kind: TokenKind;
  /** A text or a name without its quotes, an integer without its suffix; else as written. */
  readonly value: string;
  readonly from: number;
  readonly to: number;
}

/** Constants without repetitions that compete for the same characters, so matching takes linear time. */
const SKIPPED = /(?:[ \t\n\r\f]|--[^\n\r]*|\/\*[^*]*\*+(?:[^*/][^*]*\*+)*\/)*/y;
const TOKEN = new RegExp(
  [
    "(?<name>[A-Za-z_$][A-Za-z0-9_$]*)",
    "(?<decimal>(?:[0-9]+\\.[0-9]*(?:[eE][+-]?[0-9]+)?|\\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+)(?![A-Za-z0-9_$.]))",
    "(?<integer>0|[1-9][0-9]*)[lL]?(?![A-Za-z0-9_$.])",
    "'(?<text>(?:[^']|'')*)'(?!')",
    '"(?<quoted>(?:[^"]|"")+)"(?!")',
    "(?<punctuation><>|<=|>=|=(?!=)|[<>(),+-])",
  ].join("|"),
  "y",
);

/** Splits an expression into its tokens, the last of them the end. Source: RocketMQ SelectorParser.jj. */
export function tokenize(source: string): Token[] {
  const tokens: Token[] = [];
  for (;;) {
    SKIPPED.lastIndex = tokens.at(-1)?.to ?? 0;
    SKIPPED.test(source);
    const from = SKIPPED.lastIndex;
    if (from === source.length) return [...tokens, { kind: "end", value: "", from, to: from }];
    TOKEN.lastIndex = from;
    const groups = TOKEN.exec(source)?.groups;
    if (groups === undefined) throw illegalExpression(source, from, `found ${misfit(source, from)}.`);
    tokens.push({ ...classify(groups), from, to: TOKEN.lastIndex });
  }
}

function classify(groups: Record<string, string | undefined>): Omit<Token, "from" | "to"> {
  const { name, quoted, decimal, integer, text, punctuation } = groups;
  if (name !== undefined) return { kind: KEYWORDS.find((keyword) => keyword === name.toUpperCase()) ?? "name", value: name };
  if (decimal !== undefined) return { kind: "decimal", value: decimal };
  if (integer !== undefined) return { kind: "integer", value: integer };
  if (quoted !== undefined) return { kind: "name", value: quoted.replaceAll('""', '"') };
  if (text !== undefined) return { kind: "text", value: text.replaceAll("''", "'") };
  return { kind: punctuation as Punctuation, value: punctuation as string };
}

/** Spellings of other languages. */
const SPELT_ELSEWHERE: readonly (readonly [written: string, here: string])[] = [
  ["!=", "unequal is written '<>'"],
  ["==", "equal is written '='"],
  ["&&", "write AND"],
  ["||", "write OR"],
  ["!", "write NOT"],
  ["`", "a property whose name has other characters stands in double quotes"],
  ["[", "a property whose name has other characters stands in double quotes"],
  [".", "a property with a dot in its name stands in double quotes"],
];

function misfit(source: string, at: number): string {
  if (source.startsWith("'", at)) return "a text without its closing quote";
  if (source.startsWith('"', at)) return "a property in double quotes without its name or its closing quote";
  if (source.startsWith("/*", at)) return "a comment without its end";
  const spelling = SPELT_ELSEWHERE.find(([written]) => source.startsWith(written, at));
  if (spelling) return `'${spelling[0]}'; ${spelling[1]}`;
  if (/^\.?[0-9]/.test(source.slice(at, at + 2))) return "a malformed number";
  return `'${String.fromCodePoint(source.codePointAt(at) as number)}', which means nothing here`;
}
