import type { Command } from "commander";
import { UsageFailure } from "./failures.ts";

export interface FilterOptions {
  readonly tag?: string;
  readonly filter?: string;
}

/** Gives a command the options of a filter. */
export const filtering = (command: Command): Command =>
  command
    .option("--tag <expression>", "only messages with these tags, such as 'created || paid'; * for all")
    .option("--filter <sql>", 'only messages whose properties match, such as "amount > 100"');

/** The filter among the options of a command. Errors: a `UsageFailure` for two. */
export function oneFilter({ tag, filter }: FilterOptions): FilterOptions {
  if (tag !== undefined && filter !== undefined) throw new UsageFailure("--tag and --filter are two filters: give one of them.");
  return { ...(tag !== undefined && { tag }), ...(filter !== undefined && { filter }) };
}
