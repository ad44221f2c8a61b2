// npm run e2e: deploys to MiniStack with the plain CDK, uses what was deployed over HTTPS, and removes it. See docs/deploy.md.
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { Cdk } from "./cdk.ts";
import { Abandoned, Checks } from "./checks.ts";
import { checkConcurrentInstances } from "./concurrent-instances.ts";
import { runConformance } from "./conformance.ts";
import { checkBurst, checkDoorbell, checkScheduledDelivery } from "./delayed-messages.ts";
import type { DeployedApi } from "./deployed-api.ts";
import { DeployedStores } from "./deployed-stores.ts";
import { checkEveryRouteWantsTheKey } from "./every-route-wants-the-key.ts";
import { FUNCTION_NAMES, FunctionLogs } from "./function-logs.ts";
import { installMinistack, MINISTACK_VERSION, missingTools } from "./install-ministack.ts";
import { checkMaintenanceRuns } from "./maintenance-runs.ts";
import { FUNCTIONS, startMinistack } from "./ministack.ts";
import { checkPostedChecks } from "./posted-checks.ts";
import { Processes } from "./processes.ts";
import { checkAddressStays, checkWayBack } from "./releases.ts";
import { checkTransactionCheck } from "./transaction-check.ts";

/** Kept between runs: the virtual environment, and the last run's totals. */
const HOME = resolve(".tmp/e2e");
const API_FUNCTION = "Apogee-api";
const RUN_MS_MAX = 15 * 60_000;

async function runChecks(checks: Checks, folder: string, processes: Processes): Promise<void> {
  await checks.require("build", () => promisify(execFile)(process.execPath, ["build/build.mjs"]));
  const python = await checks.require(`MiniStack ${MINISTACK_VERSION} is installed`, () => installMinistack(join(HOME, "venv")));
  const ministack = await checks.require(
    "it starts, over TLS and with IAM",
    () => startMinistack({ python, folder, processes }),
    ({ port }) => `127.0.0.1:${port}`,
  );
  const apiKey = randomBytes(32).toString("hex");
  const cdk = new Cdk({ folder, processes, ministack, apiKey });
  await checks.require("cdk bootstrap", () => cdk.bootstrap());
  const outputs = await checks.require(
    "cdk deploy",
    () => cdk.deploy(),
    ({ url }) => url,
  );
  const api: DeployedApi = { url: outputs.url, apiKey, port: ministack.port, ca: ministack.ca };
  const logs = new FunctionLogs(python, ministack);

  await checks.check("the API rings for what is due soon", () => checkDoorbell(api, logs));
  // Nothing else is delayed meanwhile, for which the scanner would be rung.
  const scheduled = checks.check("the schedule delivers what is due later", () => checkScheduledDelivery(api, logs));
  await checks.check("every route wants the key", () => checkEveryRouteWantsTheKey(api));
  await checks.check("instances at once keep every promise", () =>
    checkConcurrentInstances(api, () => ministack.instances(API_FUNCTION)),
  );
  await checks.check("deploying again changes nothing", async () => {
    await cdk.deployUnchanged();
    return undefined;
  });
  await scheduled;
  await checks.check("a burst of delayed messages holds up no other topic", () => checkBurst(api));
  await checks.check("an endpoint that is dead holds up no other", () => checkPostedChecks(api, ministack.certificates));
  await Promise.all([
    checks.suite("conformance", () => runConformance({ api, folder, processes })),
    checks.check("the schedule runs maintenance", () => checkMaintenanceRuns(logs)),
    checks.check("a producer is asked about its transaction", () => checkTransactionCheck(api)),
  ]);
  await checks.check("a rollback leads to the release before, and forward again", () => checkWayBack(api, cdk));
  await checks.check("the address stays when the service is removed and made anew", () => checkAddressStays(api, cdk));
  if (checks.failed > 0)
    for (const name of FUNCTION_NAMES) await writeFile(join(folder, `${name}.log`), (await logs.of(name)).join("\n"));
  await checks.check("cdk destroy removes everything", async () => {
    const stores = new DeployedStores(ministack, outputs);
    const objects = await stores.emptyBucket();
    await cdk.destroy();
    await stores.checkGone();
    return `table, bucket and ${objects} objects`;
  });
}

async function main(): Promise<void> {
  const checks = new Checks();
  await mkdir(HOME, { recursive: true });
  const missing = await missingTools();
  if (missing.length === 0) await runAndCleanUp(checks);
  else console.log(`skipped  e2e: this machine has no ${missing.join(", and no ")}`);
  const { passed, failed } = checks;
  await writeFile(join(HOME, "report.json"), JSON.stringify({ numPassedTests: passed, numFailedTests: failed }));
  console.log(`e2e: ${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}

/** Nothing that was started outlives this, however it ends. */
async function runAndCleanUp(checks: Checks): Promise<void> {
  const folder = await mkdtemp(join(HOME, "run-"));
  const processes = new Processes();
  const cleanUp = async (): Promise<void> => {
    await processes.stopAll();
    await rm(join(folder, FUNCTIONS), { recursive: true, force: true });
  };
  const giveUp = (why: string): void => {
    console.log(`gave up: ${why}; logs are in ${folder}`);
    void cleanUp().finally(() => process.exit(1));
  };
  process.once("SIGINT", giveUp).once("SIGTERM", giveUp);
  const timer = setTimeout(() => giveUp(`it took more than ${RUN_MS_MAX / 60_000} minutes`), RUN_MS_MAX);
  try {
    await runChecks(checks, folder, processes);
  } catch (error) {
    if (!(error instanceof Abandoned)) throw error;
  } finally {
    clearTimeout(timer);
    await cleanUp();
  }
  if (checks.failed === 0) await rm(folder, { recursive: true });
  else console.log(`logs are in ${folder}`);
}

await main();
