import { terminalColumns } from "terminal-columns";
import type { Paint } from "./colours.ts";
import { printable } from "./messages.ts";

/** A column: its heading, and what it shows of an item. */
export interface Column<T> {
  readonly heading: string;
  readonly cell: (item: T) => unknown;
  readonly align?: "right";
}

export interface TableLook {
  /** Columns of the terminal; `undefined` for a pipe or a file, whose lines may have any length. */
  readonly width: number | undefined;
  readonly heading: Paint;
}

const GAP = 2;
/** Narrower than this, a wrapped column is harder to read than a line that the terminal wraps. */
const WRAPPED_MIN = 12;

/** Text of a value of the API, as it stands in a cell. */
export function cellText(value: unknown): string {
  if (value === null || value === undefined) return "-";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (Array.isArray(value) && value.every((one) => typeof one !== "object")) return value.length === 0 ? "-" : value.join(", ");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** Lines without borders, each with its newline. Where they do not fit the terminal, the widest column is wrapped. */
export function tableText<T>(columns: readonly Column<T>[], items: readonly T[], { width, heading }: TableLook): string {
  const headings = columns.map((column) => column.heading.toUpperCase());
  return tableLines([headings, ...items.map((item) => columns.map(({ cell }) => cellText(cell(item))))], columns, width)
    .map((line, index) => `${index === 0 ? heading(line) : line}\n`)
    .join("");
}

/** One thing: a line for each of its members. */
export function recordText(record: object, { width, heading }: TableLook): string {
  const rows = Object.entries(record).map(([name, value]) => [name, cellText(value)]);
  return tableLines(rows, [{}, {}], width)
    .map((line) => `${line.replace(/^\S+/, (name) => heading(name))}\n`)
    .join("");
}

/** Senders choose much of what stands in cells: nothing of it moves the cursor. */
function tableLines(
  cells: readonly (readonly string[])[],
  columns: readonly { readonly align?: "right" }[],
  width = Number.POSITIVE_INFINITY,
): readonly string[] {
  const rows = cells.map((row) => row.map((cell) => printable(cell.replace(/\s*\n\s*/g, " "))));
  const widths = columns.map((_, index) => Math.max(...rows.map((row) => row[index]?.length ?? 0)));
  const total = widths.reduce((sum, one) => sum + one + GAP, -GAP);
  const widest = widths.indexOf(Math.max(...widths));
  const left = width - (total - (widths[widest] ?? 0));
  const wraps = total > width && left >= WRAPPED_MIN;
  const text = terminalColumns(rows, {
    stdoutColumns: Number.POSITIVE_INFINITY,
    columns: columns.map(({ align }, index) => {
      const isLast = index === columns.length - 1;
      const padding = isLast ? 0 : GAP;
      const content = wraps && index === widest ? left : (widths[index] ?? 0);
      return { width: Math.max(content, 1), align: align ?? ("left" as const), paddingRight: padding };
    }),
  });
  return text.split("\n").map((line) => line.trimEnd());
}
