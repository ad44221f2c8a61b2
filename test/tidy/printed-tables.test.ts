import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { ERROR_CODES } from "../../core/errors.ts";
import { SETTINGS } from "../../functions/runtime/settings.ts";

const between = (path: string, mark: string): string => {
  const text = readFileSync(path, "utf8");
  return text.slice(text.indexOf(`<!-- ${mark} -->`) + mark.length + 9, text.indexOf(`<!-- /${mark} -->`)).trim();
};

it("the README prints every setting as the source has it", () => {
  const rows = Object.values(SETTINGS).map((row) => `| \`${row.env}\` | \`${row.default}\` | ${row.unit} | ${row.description} |`);
  expect(between("README.md", "settings").split("\n").slice(2)).toEqual(rows);
});

it("PROTOCOL prints every error code as the source has it", () => {
  const rows = Object.entries(ERROR_CODES).map(([name, { status, number, retryable, noSideEffects, advice }]) => {
    const [retry, safe] = [retryable ? "yes" : "no", noSideEffects ? "yes" : "perhaps not"];
    return `| \`${name}\` | ${status} | ${number} | ${retry} | ${safe} | ${advice} |`;
  });
  expect(between("PROTOCOL.md", "errors").split("\n").slice(2)).toEqual(rows);
  expect(Object.keys(ERROR_CODES)).toEqual(Object.keys(ERROR_CODES).sort());
});
