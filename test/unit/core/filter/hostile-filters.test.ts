import fc from "fast-check";
import { expect, it } from "vitest";
import { compileFilter } from "../../../../core/filter/compile-filter.ts";
import {
  FILTER_DEPTH_MAX,
  FILTER_EXPRESSION_BYTES_MAX,
  FILTER_OPERANDS_MAX,
  FILTER_SEARCH_CHARS_MAX,
} from "../../../../core/limits.ts";
import type { Filter } from "../../../../core/terms.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";
import { messageWith, refusalOf, sqlMatches } from "./filter-support.ts";
import { print, propertySets, trees } from "./sql-reference.ts";

const refusal = (expression: string) => refusalOf({ type: "SQL92", expression });

/** A filter works or is refused at a place inside its expression; nothing else is thrown. */
function expectDecided(filter: Filter, properties: Readonly<Record<string, string>>): void {
  const refused = refusalOf(filter);
  if (refused === undefined) {
    expect(typeof compileFilter(filter).matches(messageWith(properties))).toBe("boolean");
    return;
  }
  if (refused.includes("bytes of UTF-8")) return;
  const [, line, column] = /^(\d+):(\d+) ./.exec(refused) ?? [];
  const lines = filter.expression.split("\n");
  expect(Number(line)).toBeLessThanOrEqual(lines.length);
  expect(Number(column)).toBeGreaterThanOrEqual(1);
  expect(Number(column)).toBeLessThanOrEqual((lines[Number(line) - 1] as string).length + 1);
}

const types = fc.constantFrom("TAG" as const, "SQL92" as const);

it("decides any text", () => {
  const anyText = fc.oneof(
    fc.string({ unit: "binary", maxLength: 300 }),
    fc.string({ unit: fc.constantFrom(..."ab1'\"()<>=-+*/,.| \n\u0000é\ud800".split("")), maxLength: 60 }),
    fc.uint8Array({ maxLength: 3_000 }).map((bytes) => new TextDecoder().decode(bytes)),
  );
  fc.assert(
    fc.property(types, anyText, propertySets, (type, expression, properties) => expectDecided({ type, expression }, properties)),
    { numRuns: 1_000 },
  );
});

it("decides any order of tokens", () => {
  const tokens =
    'a|b|TAGS|"a-b"|"|"""|LIKE|1|2L|0.5|1E3|\'x\'|\'\'|TRUE|FALSE|NULL|AND|OR|NOT|IS|IN|BETWEEN|CONTAINS|STARTSWITH|ENDSWITH|=|<>|<|<=|>|>=|(|)|,|+|-';
  const sentence = fc.array(fc.constantFrom(...tokens.split("|")), { maxLength: 14 }).map((words) => words.join(" "));
  fc.assert(
    fc.property(sentence, propertySets, (expression, properties) => expectDecided({ type: "SQL92", expression }, properties)),
    { numRuns: 2_000 },
  );
});

it("decides what is nearly an expression", () => {
  const change = fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    cut: fc.nat(3),
    put: fc.constantFrom(..."'\"()=<-/*.1a \n é".split("")),
  });
  fc.assert(
    fc.property(
      trees,
      fc.nat(),
      fc.array(change, { minLength: 1, maxLength: 3 }),
      propertySets,
      (tree, seed, changes, properties) => {
        let expression = print(tree, new SeededRandom(seed));
        for (const { at, cut, put } of changes) {
          const from = Math.floor(at * expression.length);
          expression = expression.slice(0, from) + put + expression.slice(from + cut);
        }
        expectDecided({ type: "SQL92", expression }, properties);
      },
    ),
    { numRuns: 1_000 },
  );
});

it("nests so deep and no deeper", () => {
  const nested = (open: string, depth: number, close: string) => `${open.repeat(depth)}a = 1${close.repeat(depth)}`;
  for (const [open, close] of [
    ["(", ")"],
    ["NOT (", ")"],
  ] as const) {
    const levels = open === "(" ? 1 : 2;
    expect(sqlMatches(nested(open, FILTER_DEPTH_MAX / levels, close), { a: "1" })).toBe(true);
    expect(refusal(nested(open, FILTER_DEPTH_MAX / levels + 1, close))).toMatch(/levels of parentheses and NOT/);
    expect(refusal(open.repeat(FILTER_EXPRESSION_BYTES_MAX / open.length))).toMatch(/levels of parentheses and NOT/);
  }
  expect(refusal(`${"NOT ".repeat(FILTER_DEPTH_MAX + 1)}a`)).toBe(
    `1:${4 * FILTER_DEPTH_MAX + 1} more than ${FILTER_DEPTH_MAX} levels of parentheses and NOT.`,
  );
  expect(sqlMatches(Array.from({ length: FILTER_DEPTH_MAX * 2 }, () => "(a = 1)").join(" AND "), { a: "1" })).toBe(true);
  expect(sqlMatches(`a = ${"- + ".repeat(500)}5`, { a: "5" })).toBe(true);
});

it("has so many operands and no more", () => {
  const comparisons = (count: number) => Array.from({ length: count }, () => "a=0").join(" OR ");
  expect(sqlMatches(`${comparisons(FILTER_OPERANDS_MAX / 2 - 1)} OR a=1`, { a: "1" })).toBe(true);
  expect(refusal(comparisons(FILTER_OPERANDS_MAX / 2 + 1))).toMatch(/more than 256 values and parentheses/);
  expect(refusal(`${"a OR ".repeat(400)}a`)).toMatch(/more than 256 values and parentheses/);
});

it("answers soon, whatever it is asked of whatever message", () => {
  const a = "a".repeat(16_000);
  const searches = (text: string) => Array.from({ length: 7 }, () => `a CONTAINS '${text}'`).join(" OR ");
  const half = "a".repeat(FILTER_SEARCH_CHARS_MAX >> 1);
  const expressions = [
    searches(`${half}b${half}`),
    Array.from({ length: 100 }, () => "a CONTAINS 'ab'").join(" OR "),
    Array.from({ length: 120 }, () => "a > 1").join(" OR "),
    Array.from({ length: 120 }, () => "a > 1E3").join(" OR "),
  ];
  for (const expression of expressions) {
    const filter = compileFilter({ type: "SQL92", expression });
    for (const value of [a, "1".repeat(16_000), `${"1".repeat(15_999)}x`])
      expect(filter.matches(messageWith({ a: value }))).toBe(false);
  }
  expect(refusal(`a CONTAINS '${"x".repeat(FILTER_SEARCH_CHARS_MAX + 1)}'`)).toMatch(
    /^1:12 CONTAINS takes at most 255 characters/,
  );
});
