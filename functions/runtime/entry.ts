import { readFileSync } from "node:fs";
import type { CommandLine } from "./command-line.ts";
import { InvalidSetting } from "./settings.ts";

/** Ends the process with one line on standard error. */
export function fail(line: string): never {
  process.stderr.write(`apogee: ${line.replaceAll("\n", " ")}\n`);
  process.exit(1);
}

/** Of the package. The package.json is one folder up from the entry, both for the source and for the bundle. */
export function versionBeside(entryUrl: string): string {
  const text = readFileSync(new URL("../package.json", entryUrl), "utf8");
  return (JSON.parse(text) as { readonly version: string }).version;
}

/** What `use` makes of a command line. Where that asks for a text, or cannot be used, the process says so and ends. */
export function commandOrEnd<T>(read: () => CommandLine, use: (command: Exclude<CommandLine, { say: string }>) => T): T {
  try {
    const command = read();
    if (!("say" in command)) return use(command);
    process.stdout.write(`${command.say}\n`);
    process.exit(0);
  } catch (error) {
    if (InvalidSetting.is(error)) fail(error.message);
    throw error;
  }
}

/** Files that the process writes are readable by its owner only: messages, webhook secrets, and the key that signs handles. */
const OWNER_ONLY = 0o077;

export const keepFilesPrivate = (): void => {
  process.umask(OWNER_ONLY);
};
