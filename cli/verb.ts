import type { Command } from "commander";
import type { Cli } from "./cli.ts";

/** Gives a command its arguments, options, examples and what it does, or subcommands that have them. */
export type Define = (command: Command, cli: Cli) => void;

/** A verb, or several that share a first word. Its file is read when the command line names it. */
export interface Family {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<Define>;
}

/** Shown first by the help of a command: what most people look for there. */
export function examples(command: Command, lines: readonly string[]): Command {
  return command.addHelpText("before", ["Examples:", ...lines.map((line) => `  ${line}`), ""].join("\n"));
}

/** A subcommand of a family. */
export const subcommand = (family: Command, usage: string, summary: string, lines: readonly string[]): Command =>
  examples(family.command(usage).description(summary), lines);
