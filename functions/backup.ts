import { performance } from "node:perf_hooks";
import { StoreUnavailable } from "../core/ports/store-failures.ts";
import { systemClock } from "./runtime/clock.ts";
import { type Program, readCommandLine } from "./runtime/command-line.ts";
import { commandOrEnd, fail, keepFilesPrivate, versionBeside } from "./runtime/entry.ts";
import { refuseMisspelt } from "./runtime/misspelt-settings.ts";
import { SERVER_SETTINGS } from "./runtime/server-settings.ts";
import { InvalidSetting, readTable } from "./runtime/settings.ts";
import { StartFailure } from "./runtime/start-failure.ts";
import { backUp } from "./stores/backup.ts";

const PROGRAM: Program = {
  usage:
    "npm run backup -- <folder> [options], or apogee backup <folder> [options]\n\nCopies DATA_DIR into a new or empty folder.",
  hint: "The folder to write comes behind two hyphens: npm run backup -- /backups/monday --data-dir /srv/apogee.",
  takesArgument: true,
};
const SETTINGS = { dataDirectory: SERVER_SETTINGS.dataDirectory };

keepFilesPrivate();
const { dataDirectory, target } = commandOrEnd(
  () => readCommandLine(SETTINGS, process.argv.slice(2), process.env, () => versionBeside(import.meta.url), PROGRAM),
  ({ environment, argument }) => {
    refuseMisspelt(SETTINGS, environment);
    if (argument === undefined) throw new InvalidSetting(`Which folder is to be written? ${PROGRAM.hint}`);
    return { ...readTable(SETTINGS, environment), target: argument };
  },
);
const startedAtMs = performance.now();
try {
  const { items, objects } = await backUp(dataDirectory, target, systemClock);
  const seconds = ((performance.now() - startedAtMs) / 1_000).toFixed(1);
  process.stdout.write(`${target} is a backup of ${dataDirectory}: ${items} items and ${objects} objects, in ${seconds} s.\n`);
} catch (error) {
  if (StartFailure.is(error)) fail(error.message);
  if (StoreUnavailable.is(error)) fail(`The store cannot be used: ${error.message}.`);
  throw error;
}
