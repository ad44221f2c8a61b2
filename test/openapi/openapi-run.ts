import { cp, symlink } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Checks } from "../e2e/checks.ts";
import type { Processes } from "../e2e/processes.ts";

/** What the tools work with and in. */
export interface OpenApiRun {
  readonly checks: Checks;
  readonly processes: Processes;
  /** Kept between runs, for what is installed. */
  readonly home: string;
  /** Of this run. */
  readonly folder: string;
  /** The file with the document. */
  readonly document: string;
  /** Of the server that it came from. */
  readonly url: string;
  /** Whether the client's types are made anew, in place of a comparison. */
  readonly writesClientTypes: boolean;
}

export const SOURCES = resolve("test/openapi");

export interface Step {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs a command whose output goes to a log of its own. Errors: the last lines of it, unless it ends with 0. */
export const runStep = (
  { processes, folder }: Pick<OpenApiRun, "processes" | "folder">,
  name: string,
  [file, ...args]: readonly [string, ...string[]],
  { cwd, env }: Step = {},
): Promise<void> =>
  processes.run({
    file,
    args,
    env: { ...process.env, ...env },
    logFile: join(folder, `${name}.log`),
    ...(cwd === undefined ? {} : { cwd }),
  });

/** A copy of a client's sources, for the generated code to be put beside. */
export async function copyClient({ folder }: OpenApiRun, language: string): Promise<string> {
  const copy = join(folder, language);
  await cp(join(SOURCES, "clients", language), copy, { recursive: true });
  return copy;
}

/** Where packages of `test/openapi/npm` are found from. */
export const linkNodeModules = ({ home }: OpenApiRun, folder: string): Promise<void> =>
  symlink(join(home, "npm", "node_modules"), join(folder, "node_modules"));

/** What a scenario is told: where the server is, and names that no other scenario uses. */
export const scenarioArguments = ({ url }: OpenApiRun, client: string): readonly [string, string, string] => [
  url,
  `topic-${client}`,
  `group-${client}`,
];
