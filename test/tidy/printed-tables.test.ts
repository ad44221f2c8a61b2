import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { ERROR_CODES } from "../../core/errors.ts";
import { API_SETTINGS } from "../../functions/runtime/function-settings.ts";
import { SERVER_SETTINGS } from "../../functions/runtime/server-settings.ts";
import type { SettingTable } from "../../functions/runtime/settings.ts";

const between = (path: string, mark: string): string => {
  const text = readFileSync(path, "utf8");
  return text.slice(text.indexOf(`<!-- ${mark} -->`) + mark.length + 9, text.indexOf(`<!-- /${mark} -->`)).trim();
};

const settingRows = (table: SettingTable) =>
  Object.values(table).map(({ env, default: value, unit, description }) => {
    return `| \`${env}\` | ${value === "" ? "" : `\`${value}\``} | ${unit} | ${description} |`;
  });

it.each([
  ["settings", SERVER_SETTINGS],
  ["function-settings", API_SETTINGS],
])("the README prints the table %s as the source has it", (mark, table) => {
  expect(between("README.md", mark).split("\n").slice(2)).toEqual(settingRows(table));
});

it("PROTOCOL prints every error code as the source has it", () => {
  const rows = Object.entries(ERROR_CODES).map(([name, { status, number, retryable, effect, advice }]) => {
    return `| \`${name}\` | ${status} | ${number} | ${retryable ? "yes" : "no"} | ${effect} | ${advice} |`;
  });
  expect(between("PROTOCOL.md", "errors").split("\n").slice(2)).toEqual(rows);
  expect(Object.keys(ERROR_CODES)).toEqual(Object.keys(ERROR_CODES).sort());
});
