import { readFileSync, writeFileSync } from "node:fs";

const PAGE = "docs/cost.md";
const OPEN = "<!-- ledger -->\n";
const CLOSE = "\n<!-- /ledger -->";

/** The ledger's table as `docs/cost.md` has it. */
export function readTable(): string {
  const page = readFileSync(PAGE, "utf8");
  return page.slice(page.indexOf(OPEN) + OPEN.length, page.indexOf(CLOSE));
}

export function writeTable(table: string): void {
  const page = readFileSync(PAGE, "utf8");
  writeFileSync(PAGE, page.slice(0, page.indexOf(OPEN) + OPEN.length) + table + page.slice(page.indexOf(CLOSE)));
}
