// npm run openapi: lints the document that the built server shows, generates clients of it in four languages and uses them, and
// sends requests of all kinds. See docs/adr/0025-the-openapi-document.md.
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { Abandoned, Checks } from "../e2e/checks.ts";
import { Processes } from "../e2e/processes.ts";
import { runGoClient } from "./go-client.ts";
import { runJavaClient } from "./java-client.ts";
import { runNpmTools } from "./npm-tools.ts";
import type { OpenApiRun } from "./openapi-run.ts";
import { runPythonTools } from "./python-tools.ts";
import { runServer } from "./run-server.ts";
import { findPython, hasGo, hasJava } from "./tools.ts";

/** Kept between runs: what was installed, and the last run's totals. */
const HOME = resolve(".tmp/openapi");
const RUN_MS_MAX = 10 * 60_000;

const skip = (what: string, missing: string): void => console.log(`skipped  ${what}: this machine has no ${missing}`);

async function runChecks(checks: Checks, folder: string, processes: Processes): Promise<void> {
  await checks.require("build", () => promisify(execFile)("npm", ["run", "build"]));
  const server = await checks.require("the server starts", () => runServer(folder, "server"));
  try {
    const document = join(folder, "openapi.json");
    await writeFile(document, await (await fetch(`${server.url}/openapi.json`)).text());
    const writesClientTypes = process.argv.includes("--write-client-types");
    const run = { checks, processes, home: HOME, folder, document, url: server.url, writesClientTypes };
    await Promise.all([runNpmTools(run), runOtherLanguages(run)].map(untilAbandoned));
  } finally {
    await server.stop();
  }
}

/** One after the other: two cores are busy then. */
async function runOtherLanguages(run: OpenApiRun): Promise<void> {
  const python = await findPython();
  if (python === undefined)
    skip("openapi-spec-validator, openapi-python-client and schemathesis", "Python 3.11 or newer with venv");
  else await untilAbandoned(runPythonTools(run, python));
  if (await hasGo()) await run.checks.check("oapi-codegen", () => runGoClient(run));
  else skip("oapi-codegen", "Go 1.26 or newer");
  if (await hasJava()) await run.checks.check("openapi-generator", () => runJavaClient(run));
  else skip("openapi-generator", "Java 11 or newer with Maven");
}

/** What one tool lacks does not keep the others from running. */
const untilAbandoned = (work: Promise<void>): Promise<void> =>
  work.catch((error) => {
    if (!(error instanceof Abandoned)) throw error;
  });

async function main(): Promise<void> {
  const checks = new Checks();
  await mkdir(join(HOME, "npm"), { recursive: true });
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
  console.log(`openapi: ${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}

await main();
