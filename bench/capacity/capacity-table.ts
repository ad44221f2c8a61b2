import { readFileSync, writeFileSync } from "node:fs";
import type { CapacityRow } from "./capacity-rows.ts";

const PAGE = "docs/deploy.md";
const OPEN = "<!-- capacity table -->\n";
const CLOSE = "\n<!-- /capacity table -->";

const COLUMNS = [
  "due at once",
  "of",
  "`timerShards`",
  "scanners",
  "a second",
  "units of the shards",
  "processor",
  "timers read for one fired",
] as const;

const rounded = (value: number): string => Number(value.toPrecision(2)).toLocaleString("en-US");
const percent = (part: number): string => `${Math.round(100 * Math.min(1, part))} %`;

/** The table of `docs/deploy.md`. Rates have two digits, because the model is no more exact. */
export function capacityTable(rows: readonly CapacityRow[]): string {
  const lines = rows.map((row) => [
    row.what,
    row.where,
    String(row.shards),
    String(row.scanners),
    rounded(row.perSecond),
    percent(row.ofUnits),
    percent(row.ofProcessors),
    row.timersRead.toFixed(1),
  ]);
  return [COLUMNS, COLUMNS.map((_, at) => (at < 2 ? "---" : "--:")), ...lines]
    .map((cells) => `| ${cells.join(" | ")} |`)
    .join("\n");
}

export function writeCapacityTable(table: string): void {
  const page = readFileSync(PAGE, "utf8");
  writeFileSync(PAGE, page.slice(0, page.indexOf(OPEN) + OPEN.length) + table + page.slice(page.indexOf(CLOSE)));
}
