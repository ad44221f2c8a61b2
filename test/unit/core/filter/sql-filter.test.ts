import { describe, expect, it } from "vitest";
import { compileFilter } from "../../../../core/filter/compile-filter.ts";
import { filteredMessage } from "../../../../core/filter/filtered-message.ts";
import type { StoredMessage } from "../../../../core/terms.ts";
import { type Properties, refusalOf, sqlMatches } from "./filter-support.ts";

const stored: StoredMessage = {
  messageId: "id",
  queueId: 0,
  offset: 0,
  bornAtMs: 0,
  storedAtMs: 0,
  tag: "created",
  keys: ["k1", "k2"],
  properties: new Map([["amount", "12"]]),
  messageGroup: undefined,
  priority: undefined,
  body: Uint8Array.of(1),
};

it("sees properties, the tag as TAGS and the keys as KEYS", () => {
  const { matches } = compileFilter({ type: "SQL92", expression: "amount > 10 AND TAGS = 'created' AND KEYS CONTAINS 'k2'" });
  expect(matches(filteredMessage(stored))).toBe(true);
  expect(matches(filteredMessage({ ...stored, tag: "paid" }))).toBe(false);
  expect(matches(filteredMessage({ ...stored, keys: ["k1"] }))).toBe(false);
  const bare = filteredMessage({ ...stored, tag: undefined, keys: [], properties: new Map() });
  expect(compileFilter({ type: "SQL92", expression: "TAGS IS NULL AND KEYS IS NULL AND amount IS NULL" }).matches(bare)).toBe(
    true,
  );
});

it("knows when it lets everything through", () => {
  const everything = (expression: string) => compileFilter({ type: "SQL92", expression }).everything;
  expect(["TRUE", " (true) "].map(everything)).toEqual([true, true]);
  expect(["FALSE", "NULL", "a = 1", "TRUE AND a = 1"].map(everything)).toEqual([false, false, false, false]);
});

type Answer = "TRUE" | "FALSE" | "NULL" | "ERROR";

/** Asked of org.apache.rocketmq:rocketmq-filter:5.5.0. ERROR: the evaluation threw, and the message is not delivered. */
const ROCKETMQ: readonly (readonly [expression: string, properties: Properties, answer: Answer])[] = [
  // Texts
  ["a = 'x'", { a: "x" }, "TRUE"],
  ["a = 'x'", { a: "X" }, "FALSE"],
  ["A = 'x'", { a: "x" }, "NULL"],
  ["a <> 'x'", { a: "y" }, "TRUE"],
  ["a = 'it''s'", { a: "it's" }, "TRUE"],
  ["a = ''", { a: "" }, "TRUE"],
  ["a = 'b\nc'", { a: "b\nc" }, "TRUE"],
  ["a = b", { a: "3.0", b: "3" }, "FALSE"],
  ["a = b", { a: "x", b: "x" }, "TRUE"],
  ["a = '1' OR a = '2'", { a: "2" }, "TRUE"],
  // Numbers: the literal's type decides how the property is read
  ["a = 3", { a: "3" }, "TRUE"],
  ["a = 3", { a: "+3" }, "TRUE"],
  ["a = 3", { a: "003" }, "TRUE"],
  ["a = 3", { a: "3.0" }, "ERROR"],
  ["a <> 3", { a: "x" }, "ERROR"],
  ["a > 3", { a: "3.5" }, "ERROR"],
  ["a > 3.0", { a: "3.5" }, "TRUE"],
  ["a = 3.0", { a: "3" }, "TRUE"],
  ["a > 3.1E10", { a: "3.1415E10" }, "TRUE"],
  ["a = 5.", { a: "5" }, "TRUE"],
  ["a = .5", { a: "0.5" }, "TRUE"],
  ["a = 5.e1", { a: "50" }, "TRUE"],
  ["a = 00.5", { a: ".5" }, "TRUE"],
  ["a = 5L AND a = 5l", { a: "5" }, "TRUE"],
  ["a = 9223372036854775806", { a: "9223372036854775807" }, "FALSE"],
  ["a = 9223372036854775807", { a: "9223372036854775807" }, "TRUE"],
  ["a > 3", { a: "9223372036854775808" }, "ERROR"],
  ["a < 3", { a: "-9223372036854775809" }, "ERROR"],
  ["a = -5", { a: "-5" }, "TRUE"],
  ["a > - -5", { a: "6" }, "TRUE"],
  ["a = +5", { a: "5" }, "TRUE"],
  ["+a = 5", { a: "5" }, "TRUE"],
  ["3 > a", { a: "1" }, "TRUE"],
  ["'1' = 1", {}, "TRUE"],
  ["3 > 2.5", {}, "TRUE"],
  // Two properties: = compares texts, < compares decimals
  ["a > b", { a: "10", b: "9.5" }, "TRUE"],
  ["a > b", { a: "10", b: "x" }, "ERROR"],
  ["a BETWEEN b AND c", { a: "10", b: "9", c: "11" }, "TRUE"],
  ["a BETWEEN b AND c", { a: "10", b: "x", c: "11" }, "ERROR"],
  // Truths: any text but "true" is FALSE
  ["a = TRUE", { a: "TrUe" }, "TRUE"],
  ["a = FALSE", { a: "banana" }, "TRUE"],
  ["a <> TRUE", { a: "false" }, "TRUE"],
  ["a = (b > 1)", { a: "true", b: "3" }, "TRUE"],
  ["(a = 1) = (b = 1)", { a: "2", b: "2" }, "TRUE"],
  ["a", { a: "true" }, "FALSE"],
  ["NOT a", { a: "true" }, "TRUE"],
  ["a", {}, "NULL"],
  // BETWEEN and IN
  ["a BETWEEN 2 AND 10", { a: "2" }, "TRUE"],
  ["a BETWEEN 2 AND 10", { a: "10" }, "TRUE"],
  ["a BETWEEN 2 AND 10", { a: "11" }, "FALSE"],
  ["a BETWEEN 5 AND 5", { a: "5" }, "TRUE"],
  ["a BETWEEN 5 AND 5.5", { a: "5" }, "TRUE"],
  ["a NOT BETWEEN 2 AND 10", { a: "1" }, "TRUE"],
  ["a NOT BETWEEN 2 AND 10", { a: "2" }, "FALSE"],
  ["a NOT BETWEEN 10 AND 2", { a: "5" }, "TRUE"],
  ["a IN ('3', 'it''s')", { a: "it's" }, "TRUE"],
  ["a IN ('3', '4', '5', '6', '7')", { a: "8" }, "FALSE"],
  ["(a) NOT IN ('3')", { a: "8" }, "TRUE"],
  // CONTAINS, STARTSWITH, ENDSWITH: FALSE with an empty text or an absent property, with or without NOT
  ["a CONTAINS 'b'", { a: "abc" }, "TRUE"],
  ["a CONTAINS 'B'", { a: "abc" }, "FALSE"],
  ["a NOT CONTAINS 'b'", { a: "abc" }, "FALSE"],
  ["a STARTSWITH 'ab'", { a: "abc" }, "TRUE"],
  ["a NOT STARTSWITH 'b'", { a: "abc" }, "TRUE"],
  ["a ENDSWITH 'bc'", { a: "abc" }, "TRUE"],
  ["a NOT ENDSWITH 'bc'", { a: "abc" }, "FALSE"],
  ["'abc' CONTAINS 'b'", {}, "TRUE"],
  ["a CONTAINS ''", { a: "x" }, "FALSE"],
  ["a NOT CONTAINS ''", { a: "x" }, "FALSE"],
  ["a NOT CONTAINS 'x'", {}, "FALSE"],
  ["NOT (a CONTAINS 'x')", {}, "TRUE"],
  // NULL
  ["a IS NULL", {}, "TRUE"],
  ["a IS NULL", { a: "" }, "FALSE"],
  ["a IS NOT NULL", { a: "" }, "TRUE"],
  ["(a = 1) IS NULL", {}, "TRUE"],
  ["1 IS NULL", {}, "FALSE"],
  ["TRUE IS NOT NULL", {}, "TRUE"],
  ["NULL IS NULL", {}, "TRUE"],
  ["a <> 'x'", {}, "NULL"],
  ["NOT (a = 1)", {}, "NULL"],
  ["a > 0", {}, "NULL"],
  ["a NOT IN ('x')", {}, "NULL"],
  ["a NOT BETWEEN 1 AND 2", {}, "NULL"],
  ["NULL OR TRUE", {}, "TRUE"],
  ["NULL OR FALSE", {}, "NULL"],
  ["NULL AND FALSE", {}, "FALSE"],
  ["NOT (NULL AND FALSE)", {}, "TRUE"],
  ["NULL AND TRUE", {}, "NULL"],
  ["NOT NULL", {}, "NULL"],
  // Precedence, case, names, spaces, comments
  ["TRUE OR TRUE AND FALSE", {}, "TRUE"],
  ["(TRUE OR TRUE) AND FALSE", {}, "FALSE"],
  ["NOT FALSE OR TRUE", {}, "TRUE"],
  ["NOT FALSE AND FALSE", {}, "FALSE"],
  ["NOT NOT TRUE", {}, "TRUE"],
  ["a=1 aNd b iS nOt NuLl", { a: "1", b: "" }, "TRUE"],
  ["$a_1 = 1 AND _ = 2 AND A9 = 3", { $a_1: "1", _: "2", A9: "3" }, "TRUE"],
  ["a\t=\r\n1\fAND\nb=2", { a: "1", b: "2" }, "TRUE"],
  ["a = 1 -- AND FALSE\nAND b = 2", { a: "1", b: "2" }, "TRUE"],
  ["a /* = * / '**/ = 1 /**/ AND/***/b = 2", { a: "1", b: "2" }, "TRUE"],
];

describe("an SQL92 filter", () => {
  it.each(ROCKETMQ)("answers as RocketMQ: %s on %j is %s", (expression, properties, answer) => {
    expect(sqlMatches(expression, properties)).toBe(answer === "TRUE");
    // What does not match must not match for the right reason: FALSE turns with NOT, the unknown does not.
    const known = answer === "TRUE" || answer === "FALSE";
    expect(sqlMatches(`NOT (${expression})`, properties)).toBe(known && answer === "FALSE");
  });
});

/** What RocketMQ refuses, here refused likewise; the rule is named by where RocketMQ has it. */
const REFUSED: readonly (readonly [rule: string, expression: string, refusal: string])[] = [
  ["SelectorParser.jj: no operator !=", "a != 1", "1:3 found '!='; unequal is written '<>'."],
  ["SelectorParser.jj: no operator ==", "a == 1", "1:3 found '=='; equal is written '='."],
  ["SelectorParser.jj: no operator &&", "a = 1 && b = 2", "1:7 found '&&'; write AND."],
  ["SelectorParser.jj: no operator ||", "a = 1 || b = 2", "1:7 found '||'; write OR."],
  ["SelectorParser.jj: no operator !", "!(a = 1)", "1:1 found '!'; write NOT."],
  ["SelectorParser.jj: no dots in names", "a.b = 1", "1:2 found '.'; a property with a dot in its name stands in double quotes."],
  [
    "SelectorParser.jj: no names in backticks",
    "`a` = 1",
    "1:1 found '`'; a property whose name has other characters stands in double quotes.",
  ],
  ["SelectorParser.jj: keywords are no names", "contains = 1", "1:1 expected a property, a value or '(', found 'contains'."],
  ["SelectorParser.jj: IN takes texts", "a IN (1)", "1:7 expected a text in single quotes, found '1'."],
  ["SelectorParser.jj: IN takes one or more", "a IN ()", "1:7 expected a text in single quotes, found ')'."],
  ["SelectorParser.jj: IN, a comma too many", "a IN ('x',)", "1:11 expected a text in single quotes, found ')'."],
  ["SelectorParser.jj: searches take texts", "a STARTSWITH b", "1:14 expected a text in single quotes, found 'b'."],
  ["SelectorParser.jj: an empty expression", " \n ", "2:2 expected a property, a value or '(', found the end."],
  ["SelectorParser.jj: nothing after AND", "a = 1 AND", "1:10 expected a property, a value or '(', found the end."],
  ["SelectorParser.jj: NOT of no test", "a NOT 'x'", "1:7 expected BETWEEN, IN, CONTAINS, STARTSWITH or ENDSWITH, found 'x'."],
  ["SelectorParser.jj: IS takes NULL", "a IS TRUE", "1:6 expected 'NULL', found 'TRUE'."],
  ["SelectorParser.jj: BETWEEN takes AND", "a BETWEEN 1 OR 2", "1:13 expected 'AND', found 'OR'."],
  ["SelectorParser.jj: an open parenthesis", "(a = 1", "1:7 expected ')', found the end."],
  ["SelectorParser.jj: an open text", "a = 'x''", "1:5 found a text without its closing quote."],
  ["SelectorParser.jj: an open comment", "a = 1 /* x *", "1:7 found a comment without its end."],
  ["SelectorParser.jj: a foreign character", "é = 1", "1:1 found 'é', which means nothing here."],
  ["SelectorParser.asBooleanExpression: a number", "1", "1:1 expected a condition, found a number."],
  ["SelectorParser.asBooleanExpression: a text", "a = 1 AND 'x'", "1:11 expected a condition, found a text."],
  ["SelectorParser.asBooleanExpression: of NOT", "NOT (1)", "1:5 expected a condition, found a number."],
  ["ConstantExpression.createFromDecimal", "a = 9223372036854775808", "1:5 expected an integer of 64 bits."],
  ["ConstantExpression.createFromDecimal: before its sign", "a = -9223372036854775808", "1:6 expected an integer of 64 bits."],
  [
    "ConstantExpression.createFloat: there is no 0.0",
    "a > 0.0",
    "1:5 expected a decimal from 4.9E-324 to 1.7976931348623157E308 (for a > 0.0 write a >= 4.9E-324).",
  ],
  [
    "ConstantExpression.createFloat: too large",
    "a > 1E400",
    "1:5 expected a decimal from 4.9E-324 to 1.7976931348623157E308 (for a > 0.0 write a >= 4.9E-324).",
  ],
  ["ComparisonExpression.createBetween: low above high", "a BETWEEN 5 AND 1", "1:11 the lower bound is above the upper one."],
  ["ComparisonExpression.createBetween: NULL", "a BETWEEN 1 AND NULL", "1:17 NULL equals nothing; write IS NULL or IS NOT NULL."],
  ["ComparisonExpression.createInFilter: no property", "1 IN ('1')", "1:1 expected a property before IN."],
  ["ComparisonExpression.checkEqualOperand: right", "a = NULL", "1:5 NULL equals nothing; write IS NULL or IS NOT NULL."],
  ["ComparisonExpression.checkEqualOperand: left", "NULL <> a", "1:1 NULL equals nothing; write IS NULL or IS NOT NULL."],
  ["ComparisonExpression.checkEqualOperandCompatability", "TRUE = 1", "1:8 a condition cannot be compared with a number."],
  ["ComparisonExpression.checkLessThanOperand: a text", "a > 'x'", "1:5 '>' orders numbers, and found a text."],
  ["ComparisonExpression.checkLessThanOperand: a text, left", "'x' <= a", "1:1 '<=' orders numbers, and found a text."],
  ["ComparisonExpression.checkLessThanOperand: a truth", "a < TRUE", "1:5 '<' orders numbers, and found a condition."],
  ["ComparisonExpression.checkLessThanOperand: a condition", "a >= (b = 1)", "1:6 '>=' orders numbers, and found a condition."],
  ["ComparisonExpression.checkLessThanOperand: bounds", "a BETWEEN 'x' AND 'y'", "1:11 '>=' orders numbers, and found a text."],
];

const CHAINED = "expected AND, OR or the end, or parentheses around what is tested";

/** What RocketMQ takes, but never matches, or reads other than anyone would. */
const REFUSED_HERE: readonly (readonly [rocketmq: string, expression: string, refusal: string])[] = [
  ["ignores all after the expression", "a = 1 b = 2", "1:7 expected AND, OR or the end, found 'b'."],
  ["ignores all after the expression", "a = 1) OR b = 2", "1:6 expected AND, OR or the end, found ')'."],
  ["reads 007 as 0, and ignores the rest", "a = 007", "1:5 found a malformed number."],
  ["reads 12x as 12, and ignores the rest", "a = 12x", "1:5 found a malformed number."],
  ["reads a, and ignores the rest", "a LIKE 'x%'", "1:3 LIKE is not supported; use STARTSWITH, ENDSWITH or CONTAINS."],
  ["reads a, and ignores the rest", "a not like 'x%'", "1:7 LIKE is not supported; use STARTSWITH, ENDSWITH or CONTAINS."],
  ["reads a, and ignores the rest", "a + 1 > 2", "1:3 expected AND, OR or the end, found '+'."],
  ["reads a-b as a, and ignores the rest", "a-b = 1", "1:2 expected AND, OR or the end, found '-'."],
  ["reads (NOT a) = 1, which is never true", "NOT a = 1", `1:7 ${CHAINED}, found '='.`],
  ["reads (NOT a) IS NULL, the opposite of what it says", "NOT a IS NULL", `1:7 ${CHAINED}, found 'IS'.`],
  ["reads a = (b > 1)", "a = b > 1", `1:7 ${CHAINED}, found '>'.`],
  ["reads (a = b) = c, which fails on every message", "a = b = c", `1:7 ${CHAINED}, found '='.`],
  ["makes NULL of -a", "-a = 5", "1:2 expected a number after '-'."],
  ["misses signed bounds", "a BETWEEN -1 AND -5", "1:11 the lower bound is above the upper one."],
  ["makes FALSE of it", "1 = TRUE", "1:1 a condition cannot be compared with a number."],
  ["fails on every message", "(a = 1) = 'x'", "1:11 a condition cannot be compared with a text."],
  ["makes FALSE of it", "1 CONTAINS '1'", "1:1 expected a property or a text before CONTAINS."],
];

/** Names in double quotes, which RocketMQ does not have. */
const QUOTED: readonly (readonly [expression: string, properties: Properties, matches: boolean])[] = [
  [`"order-type" = 'vip'`, { "order-type": "vip" }, true],
  [`"order-type" = 'vip'`, { "order-type": "plain" }, false],
  [`"order-type" = 'vip'`, { order: "vip", type: "vip" }, false],
  [`"user.id" > 6 AND "a/b/c" IN ('x')`, { "user.id": "7", "a/b/c": "x" }, true],
  [`"in" = 'x' AND "NOT" IS NULL`, { in: "x" }, true],
  [`"say ""hi""" CONTAINS 'x'`, { 'say "hi"': "axb" }, true],
  [`"größe 📏" BETWEEN 1 AND 3`, { "größe 📏": "2" }, true],
  [`"it's" STARTSWITH '"'`, { "it's": '"x' }, true],
  [`a = ("b-c")`, { a: "1", "b-c": "1" }, true],
  [`"a" = 'x' AND a = 'x'`, { a: "x" }, true],
  [`"TAGS" = 'x'`, { TAGS: "x" }, true],
  [`"-- no comment" = 'x'`, { "-- no comment": "x" }, true],
];

/** What is no name in double quotes, or probably no name that was meant. */
const MISQUOTED: readonly (readonly [expression: string, refusal: string])[] = [
  [`"" = 'x'`, "1:1 found a property in double quotes without its name or its closing quote."],
  [`"a-b = 'x'`, "1:1 found a property in double quotes without its name or its closing quote."],
  [`"a""b = 'x'`, "1:1 found a property in double quotes without its name or its closing quote."],
  [`a = "x"`, '1:5 "x" is a property; texts have single quotes. For the property write ("x").'],
  [`a BETWEEN "x" AND 3`, '1:11 "x" is a property; texts have single quotes. For the property write ("x").'],
  [`a IN ("x")`, '1:7 expected a text in single quotes, found "x".'],
  [`a CONTAINS "x"`, '1:12 expected a text in single quotes, found "x".'],
];

describe("a property in double quotes", () => {
  it.each(QUOTED)("is read in %s", (expression, properties, matches) => {
    expect(sqlMatches(expression, properties)).toBe(matches);
  });

  it.each(MISQUOTED)("is not read in %s", (expression, refusal) => {
    expect(refusalOf({ type: "SQL92", expression })).toBe(refusal);
  });
});

describe("an SQL92 expression", () => {
  it.each(REFUSED)("is refused by RocketMQ's rule %s: %j", (_rule, expression, refusal) => {
    expect(refusalOf({ type: "SQL92", expression })).toBe(refusal);
  });

  it.each(REFUSED_HERE)("is refused where RocketMQ %s: %j", (_rocketmq, expression, refusal) => {
    expect(refusalOf({ type: "SQL92", expression })).toBe(refusal);
  });

  it("may say in parentheses what it may not say without", () => {
    expect(sqlMatches("NOT (a = 1)", { a: "2" })).toBe(true);
    expect(sqlMatches("NOT (a IS NULL)", { a: "2" })).toBe(true);
    expect(sqlMatches("(a = 1) = TRUE", { a: "1" })).toBe(true);
  });

  it("is placed by line, and long findings are cut", () => {
    expect(refusalOf({ type: "SQL92", expression: "a = 1\nAND /* two\nlines */ OR" })).toContain("3:10 expected a property");
    expect(refusalOf({ type: "SQL92", expression: `a = 1 '${"x".repeat(1_000)}'` })).toBe(
      `1:7 expected AND, OR or the end, found '${"x".repeat(39)}….`,
    );
  });
});

/** Where both take an expression and answer differently. */
const DIFFERENT: readonly (readonly [
  why: string,
  expression: string,
  properties: Properties,
  rocketmq: Answer,
  matches: boolean,
])[] = [
  ["what cannot be read is unknown, and does not lose the message", "a > 5 OR b = 1", { a: "x", b: "1" }, "ERROR", true],
  ["what cannot be read is unknown, and does not lose the message", "(a > 5) IS NULL", { a: "x" }, "ERROR", true],
  ["integers have 64 bits whatever the literal", "a > 3", { a: "3000000000" }, "ERROR", true],
  ["= takes its sides in any order", "TRUE = a", { a: "true" }, "ERROR", true],
  ["= takes its sides in any order", "(a = 1) = b", { a: "1", b: "true" }, "ERROR", true],
  ["an absent property equals nothing and differs from nothing", "'x' <> a", {}, "TRUE", false],
  ["an absent property equals nothing and differs from nothing", "a <> b", { a: "x" }, "TRUE", false],
  ["an absent property equals nothing and differs from nothing", "a = b", {}, "TRUE", false],
  ["numbers are spelt as in expressions", "a > 3.0", { a: " 3.5 " }, "TRUE", false],
  ["numbers are spelt as in expressions", "a > 3.0", { a: "3.5f" }, "TRUE", false],
  ["numbers are spelt as in expressions", "a > 3.0", { a: "NaN" }, "TRUE", false],
  ["numbers are spelt as in expressions", "a > 3.0", { a: "0x1p4" }, "TRUE", false],
  ["numbers have at most 64 characters", "a > 3.0", { a: "9".repeat(65) }, "TRUE", false],
  ["numbers have at most 64 characters", "a = 1", { a: `${"0".repeat(64)}1` }, "TRUE", false],
];

it.each(DIFFERENT)("differs from RocketMQ: %s: %s on %j", (_why, expression, properties, rocketmq, matches) => {
  expect(sqlMatches(expression, properties)).toBe(matches);
  expect(matches).not.toBe(rocketmq === "TRUE");
});
