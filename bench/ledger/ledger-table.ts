import type { LedgerRow } from "./measure.ts";
import { dollarsOf } from "./price-book.ts";

const COLUMNS = [
  "Operation",
  "State",
  "Round trips",
  "Requests",
  "Write units",
  "Read units",
  "Object PUTs",
  "Object GETs",
  "Lost races",
  "Rings",
  "$ per million messages",
] as const;

/** The ledger as a Markdown table. A row's first two cells name it. */
export function ledgerTable(rows: readonly LedgerRow[]): string {
  const lines = rows.map((row) => [row.operation, row.state, ...figuresOf(row)]);
  return [COLUMNS, COLUMNS.map((_, index) => (index < 2 ? "---" : "--:")), ...lines]
    .map((cells) => `| ${cells.join(" | ")} |`)
    .join("\n");
}

/** A row's figures as they are printed. */
export const figuresOf = (row: LedgerRow): readonly string[] => [
  String(row.roundTrips),
  String(row.requests),
  String(row.writeUnits),
  String(row.readUnits),
  String(row.objectPuts),
  String(row.objectGets),
  String(row.lostRaces),
  String(row.rings),
  ((dollarsOf(row) / row.messages) * 1e6).toFixed(3),
];

/** The figures of each row of a printed table, by its name. */
export function printedFigures(table: string): ReadonlyMap<string, readonly number[]> {
  const rows = table.split("\n").slice(2);
  return new Map(
    rows.map((line) => {
      const [operation, state, ...figures] = line.slice(2, -2).split(" | ");
      return [`${operation} · ${state}`, figures.map(Number)];
    }),
  );
}
