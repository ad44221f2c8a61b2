// npm run localstack: the conformance suite over LocalStack. With Docker the stacks are deployed to it and called through Lambda;
// without it, LocalStack runs as a process of this machine, and the server over its S3 and DynamoDB.
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { Abandoned, Checks } from "../e2e/checks.ts";
import { Processes } from "../e2e/processes.ts";
import { runDeployed } from "./deployed.ts";
import { runOverStores } from "./over-stores.ts";
import { dockerAnswers, findJavaHome, findPython } from "./tools.ts";

// The SDK tells every process on Node 20 that its versions of 2027 will not run there.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = "true";

/** Kept between runs: what was installed, and the last run's totals. */
const HOME = resolve(".tmp/localstack");
const RUN_MS_MAX = 15 * 60_000;

async function runChecks(checks: Checks, folder: string, processes: Processes, signal: AbortSignal): Promise<void> {
  if (await dockerAnswers()) return runDeployed({ checks, folder, processes, signal });
  const [python, javaHome] = await Promise.all([findPython(), findJavaHome()]);
  const missing = [
    ...(python === undefined ? ["Python 3.13 or newer with venv"] : []),
    ...(javaHome === undefined ? ["Java 17 or newer"] : []),
  ];
  if (python === undefined || javaHome === undefined) {
    return console.log(`skipped  localstack: this machine has no Docker engine, and no ${missing.join(" and no ")}`);
  }
  return runOverStores({ checks, home: HOME, folder, processes, python, javaHome, signal });
}

async function main(): Promise<void> {
  await mkdir(HOME, { recursive: true });
  const folder = await mkdtemp(join(HOME, "run-"));
  const checks = new Checks();
  const processes = new Processes();
  const controller = new AbortController();
  // What is running then fails, is counted, and is cleaned up behind.
  const abort = (reason: string) => {
    console.log(`stopping: ${reason}`);
    controller.abort();
    void processes.stopAll();
  };
  const timer = setTimeout(() => abort(`not done after ${RUN_MS_MAX / 1_000} s`), RUN_MS_MAX);
  process.once("SIGINT", abort).once("SIGTERM", abort);
  try {
    await runChecks(checks, folder, processes, controller.signal);
  } catch (error) {
    if (!(error instanceof Abandoned)) throw error;
  } finally {
    clearTimeout(timer);
    await processes.stopAll();
    // Logs stay when there is something to find out from them.
    if (checks.failed === 0) await rm(folder, { recursive: true, force: true });
    else console.log(`logs are in ${folder}`);
  }
  const totals = { numPassedTests: checks.passed, numFailedTests: checks.failed };
  await writeFile(join(HOME, "report.json"), JSON.stringify(totals));
  console.log(`localstack: ${checks.passed} passed, ${checks.failed} failed`);
  process.exitCode = checks.failed === 0 ? 0 : 1;
}

await main();
