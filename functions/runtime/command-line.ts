import { parseArgs } from "node:util";
import { suggestion } from "../../core/names.ts";
import { type Environment, InvalidSetting, type SettingRow, type SettingTable } from "./settings.ts";

/** The request of a command line: to run with these settings, or to print something and end. */
export type CommandLine =
  | { readonly environment: Environment; readonly argument?: string | undefined }
  | { readonly say: string };

/** A program that is started by a command line. */
export interface Program {
  /** How it is started. */
  readonly usage: string;
  /** How options are given, also by npm. */
  readonly hint: string;
  /** Whether it takes one argument beside its options. */
  readonly takesArgument: boolean;
}

export const SERVER_PROGRAM: Program = {
  usage: "apogee start [options], or npm start -- [options]",
  hint: "Settings are options, as in --port 9999; with npm they come behind two hyphens: npm start -- --port 9999.",
  takesArgument: false,
};

const HELP = "help";
const VERSION = "version";

/** `DATA_DIR` is `--data-dir`. */
const optionOf = ({ env }: SettingRow): string => env.toLowerCase().replaceAll("_", "-");
/** An option whose presence means `true`. */
const isFlag = (row: SettingRow): boolean => row.default === "false";

/**
 * Every setting of `table` as an option, which overrides the environment's variable. A secret has no option, because anyone on the
 * machine can read a command line. Errors: `InvalidSetting`.
 */
export function readCommandLine(
  table: SettingTable,
  args: readonly string[],
  environment: Environment,
  version: () => string,
  program: Program = SERVER_PROGRAM,
): CommandLine {
  const rows = new Map(Object.values(table).map((row) => [optionOf(row), row] as const));
  const options = Object.fromEntries([
    ...[...rows].map(([name, row]) => [name, { type: isFlag(row) ? "boolean" : "string" } as const] as const),
    [HELP, { type: "boolean", short: "h" } as const],
    [VERSION, { type: "boolean", short: "v" } as const],
  ]);
  const { tokens } = parseArgs({ args: [...args], options, strict: false, tokens: true });
  const given: Record<string, string> = {};
  let say: string | undefined;
  let argument: string | undefined;
  for (const token of tokens) {
    if (token.kind === "positional") {
      const isTaken = !program.takesArgument || argument !== undefined;
      if (isTaken) throw new InvalidSetting(`There is no argument ${JSON.stringify(token.value)}. ${program.hint}`);
      argument = token.value;
    }
    if (token.kind !== "option") continue;
    if (token.name === HELP) say = helpOf([...rows.values()], program);
    else if (token.name === VERSION) say ??= version();
    else {
      const row = knownRow(rows, token.name, token.rawName);
      if (given[row.env] !== undefined) throw new InvalidSetting(`${token.rawName} is given twice.`);
      given[row.env] = givenValue(row, token);
    }
  }
  if (say !== undefined) return { say };
  refuseTakenByNpm(rows, environment, program);
  return { environment: { ...environment, ...given }, ...(program.takesArgument && { argument }) };
}

function knownRow(rows: ReadonlyMap<string, SettingRow>, name: string, rawName: string): SettingRow {
  const row = rows.get(name);
  if (!row) {
    const known = [...rows.keys(), HELP, VERSION].map((option) => `--${option}`);
    throw new InvalidSetting(`There is no option ${rawName.slice(0, 64)}.${suggestion(rawName, known)} --help lists them.`);
  }
  if (row.secret)
    throw new InvalidSetting(`${rawName} is none: others on this machine could read it. Set ${row.env} in the environment.`);
  return row;
}

function givenValue(row: SettingRow, { value, inlineValue, rawName }: OptionToken): string {
  if (isFlag(row) && value === undefined) return "true";
  // "--data-dir --port 1" names no folder called "--port".
  if (!value || (!inlineValue && value.startsWith("-")))
    throw new InvalidSetting(`${rawName} needs a value: ${rawName} <value>.`);
  return value;
}

interface OptionToken {
  readonly rawName: string;
  readonly value?: string | undefined;
  readonly inlineValue?: boolean | undefined;
}

/** `npm start --port 1` gives the option to npm, which passes it on as a variable. */
function refuseTakenByNpm(rows: ReadonlyMap<string, SettingRow>, environment: Environment, { hint }: Program): void {
  for (const name of rows.keys()) {
    if (environment[`npm_config_${name.replaceAll("-", "_")}`] === undefined) continue;
    throw new InvalidSetting(`npm took --${name} for an option of its own. ${hint}`);
  }
}

function helpOf(rows: readonly SettingRow[], { usage }: Program): string {
  const lines = rows.map((row) => {
    const { env, secret, default: standard, description } = row;
    const option = secret ? `${env} (in the environment only)` : `--${optionOf(row)}${isFlag(row) ? "" : " <value>"}`;
    const place = secret ? "" : `${env} in the environment`;
    const defaults = standard === "" ? "" : `default ${standard}`;
    const facts = [place, defaults].filter((fact) => fact !== "").join(", ");
    return `  ${option}\n      ${description}${facts === "" ? "" : `\n      (${facts})`}\n`;
  });
  return [`Usage: ${usage}\n`, ...lines, "  -h, --help\n      Shows this.\n", "  -v, --version\n      Shows the version.\n"].join(
    "\n",
  );
}
