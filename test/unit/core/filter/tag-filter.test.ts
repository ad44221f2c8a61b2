import { expect, it } from "vitest";
import { compileFilter } from "../../../../core/filter/compile-filter.ts";
import { TAG_EXPRESSION_BYTES_MAX } from "../../../../core/limits.ts";
import { refusalOf } from "./filter-support.ts";

const tagFilter = (expression: string) => compileFilter({ type: "TAG", expression });
const matches = (expression: string, tag: string | undefined): boolean =>
  tagFilter(expression).matches({ tag, property: () => undefined });
const refusal = (expression: string) => refusalOf({ type: "TAG", expression });

it("takes everything by '*', untagged messages too", () => {
  for (const expression of ["*", "  *\n"]) {
    expect(tagFilter(expression).everything).toBe(true);
    expect(matches(expression, undefined)).toBe(true);
    expect(matches(expression, "A")).toBe(true);
  }
  expect(tagFilter("A").everything).toBe(false);
});

it("takes the tags it names, with any white space around them, and none else", () => {
  for (const expression of ["A||b c||D", " A || b c || D ", "A||\tb c\n||D\r\f"]) {
    expect(["A", "b c", "D"].map((tag) => matches(expression, tag))).toEqual([true, true, true]);
    expect(["a", "b", "c", "bc", "", "A ", "*", undefined].filter((tag) => matches(expression, tag))).toEqual([]);
  }
  expect(matches("\u00a0A", "\u00a0A")).toBe(true);
});

it("compares tags, not their hashes", () => {
  // Java's String.hashCode is 2112 for both; RocketMQ's broker lets both pass and leaves the rest to its client.
  expect(matches("Aa", "Aa")).toBe(true);
  expect(matches("Aa", "BB")).toBe(false);
});

it.each([
  ["", "1:1 expected a tag, or '*' for all messages."],
  ["  ", "1:1 expected a tag, or '*' for all messages."],
  ["||", "1:1 expected a tag, or '*' for all messages."],
  ["A ||", "1:5 expected a tag, or '*' for all messages."],
  ["A || \n || B", "1:5 expected a tag, or '*' for all messages."],
  ["A || B | C", "1:8 found '|', which no tag can hold; tags are separated by '||'."],
  ["A ||| B", "1:5 found '|', which no tag can hold; tags are separated by '||'."],
  ["A ||\n*", "2:1 found '*' among tags; alone it means all messages."],
  ["* || A", "1:1 found '*' among tags; alone it means all messages."],
])("refuses %j and says where", (expression, expected) => {
  expect(refusal(expression)).toBe(expected);
});

it("measures the expression in bytes", () => {
  const atLimit = "x".repeat(TAG_EXPRESSION_BYTES_MAX);
  expect(matches(atLimit, atLimit)).toBe(true);
  for (const tooLong of [`${atLimit}x`, "é".repeat(TAG_EXPRESSION_BYTES_MAX / 2 + 1), "x".repeat(10_000_000)]) {
    expect(refusal(tooLong)).toContain("longer than 16384 bytes");
  }
});
