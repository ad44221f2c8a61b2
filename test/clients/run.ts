// npm run clients: programs that use RocketMQ's own clients for Java, Python and Go, against the built server.
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { Abandoned, Checks } from "../e2e/checks.ts";
import { Processes } from "../e2e/processes.ts";
import { type ClientsRun, runCases, runRestart } from "./client-programs.ts";
import { type ClientLanguage, LANGUAGES, type Program } from "./languages.ts";
import { runServer } from "./run-server.ts";

/** Kept between runs: what was installed, and the last run's totals. */
const HOME = resolve(".tmp/clients");
const RUN_MS_MAX = 15 * 60_000;

async function runChecks(checks: Checks, folder: string, processes: Processes): Promise<void> {
  await checks.require("build", () => promisify(execFile)("npm", ["run", "build"]));
  const server = await checks.require("the server starts", () => runServer(folder, "server"));
  const run: ClientsRun = { checks, processes, home: HOME, folder, server };
  try {
    // Compilers one after the other, and then the programs, which mostly wait, at once.
    const installed: (readonly [ClientLanguage, Program])[] = [];
    for (const language of LANGUAGES) {
      const missing = await language.missing();
      if (missing !== undefined) {
        console.log(`skipped  clients of ${language.title}: this machine has no ${missing}`);
        continue;
      }
      await untilAbandoned(
        checks
          .require(`${language.title}: the client is installed`, () => language.install(run))
          .then((program) => void installed.push([language, program])),
      );
    }
    await Promise.all(installed.map(([language, program]) => runCases(run, language, program)));
    await Promise.all(installed.map(([language, program]) => runRestart(run, language, program)));
  } finally {
    await server.stop();
  }
}

/** What one language lacks does not keep the others from running. */
const untilAbandoned = (work: Promise<void>): Promise<void> =>
  work.catch((error) => {
    if (!(error instanceof Abandoned)) throw error;
  });

async function main(): Promise<void> {
  await mkdir(HOME, { recursive: true });
  const checks = new Checks();
  const folder = await mkdtemp(join(HOME, "run-"));
  const processes = new Processes();
  const giveUp = (why: string): void => {
    console.log(`gave up: ${why}; logs are in ${folder}`);
    void processes.stopAll().finally(() => process.exit(1));
  };
  process.once("SIGINT", giveUp).once("SIGTERM", giveUp);
  const timer = setTimeout(() => giveUp(`it took more than ${RUN_MS_MAX / 60_000} minutes`), RUN_MS_MAX);
  try {
    await untilAbandoned(runChecks(checks, folder, processes));
  } finally {
    clearTimeout(timer);
    await processes.stopAll();
  }
  if (checks.failed === 0) await rm(folder, { recursive: true });
  else console.log(`logs are in ${folder}`);
  const { passed, failed } = checks;
  await writeFile(join(HOME, "report.json"), JSON.stringify({ numPassedTests: passed, numFailedTests: failed }));
  console.log(`clients: ${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}

await main();
