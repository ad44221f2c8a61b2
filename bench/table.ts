import type { Row } from "./row.ts";

const number = (digits: number) => (value: number) =>
  Number.isNaN(value) ? "" : value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });

const COLUMNS: readonly (readonly [title: string, cell: (row: Row) => string])[] = [
  ["case", (row) => row.case],
  ["c", (row) => number(0)(row.concurrency)],
  ["msgs/s", (row) => number(0)(row.messagesPerSecond)],
  ["p50 ms", (row) => number(2)(row.p50Ms)],
  ["p99 ms", (row) => number(2)(row.p99Ms)],
  ["max ms", (row) => number(1)(row.maxMs)],
  ["RssAnon MB", (row) => number(0)(row.rssAnonMb)],
  ["of null", (row) => number(2)(row.ofNull)],
  ["ratio", (row) => number(2)(row.ratio)],
  ["errors", (row) => number(0)(errorCount(row))],
];

export const errorCount = (row: Row): number => Object.values(row.errors).reduce((sum, count) => sum + count, 0);

/** A Markdown table. */
export const formatTable = (rows: readonly Row[]): string => {
  const cells = [COLUMNS.map(([title]) => title), ...rows.map((row) => COLUMNS.map(([, cell]) => cell(row)))];
  const widths = COLUMNS.map((_, column) => Math.max(...cells.map((line) => line[column]!.length)));
  const line = (texts: readonly string[]): string =>
    `| ${texts.map((text, column) => (column === 0 ? text.padEnd(widths[column]!) : text.padStart(widths[column]!))).join(" | ")} |`;
  const rule = `|${widths.map((width, column) => (column === 0 ? "-".repeat(width + 2) : `${"-".repeat(width + 1)}:`)).join("|")}|`;
  return [line(cells[0]!), rule, ...cells.slice(1).map(line)].join("\n");
};
