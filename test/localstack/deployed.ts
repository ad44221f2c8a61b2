import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { Cdk } from "../e2e/cdk.ts";
import type { Checks } from "../e2e/checks.ts";
import type { Processes } from "../e2e/processes.ts";
import { freePort } from "../support/server/server-process.ts";
import { LOCALSTACK_VERSION } from "./install.ts";
import { runSuite } from "./suite.ts";

const run = promisify(execFile);
const IMAGE = `localstack/localstack:${LOCALSTACK_VERSION}`;
const REGION = "us-east-1";
const START_MS_MAX = 90_000;

/** With Docker: the stacks as anyone deploys them, to a LocalStack that runs the functions in containers of their own. */
export async function runDeployed(options: {
  readonly checks: Checks;
  readonly folder: string;
  readonly processes: Processes;
  /** Aborts when time is up. */
  readonly signal: AbortSignal;
}): Promise<void> {
  const { checks, folder, processes, signal } = options;
  const port = await freePort();
  const container = `apogee-localstack-${process.pid}`;
  try {
    await checks.require(`${IMAGE} starts`, () => startContainer(container, port, signal));
    const apiKey = randomBytes(24).toString("base64url");
    const cdk = new Cdk({ folder, processes, ministack: { env: environment(port) }, apiKey });
    await checks.require("build", () => run(process.execPath, ["build/build.mjs"]));
    await checks.require("cdk bootstrap", () => cdk.bootstrap());
    const { url } = await checks.require(
      "cdk deploy",
      () => cdk.deploy(),
      (outputs) => outputs.url,
    );
    const env = { SERVER_URL: new URL(url).origin, SERVER_KEY: apiKey, SERVER_GATEWAY: "true" };
    await checks.suite("conformance", () => runSuite({ env, folder, processes }));
  } finally {
    // With it goes all that was deployed.
    await run("docker", ["rm", "--force", "--volumes", container]).catch(() => undefined);
  }
}

async function startContainer(container: string, port: number, signal: AbortSignal): Promise<void> {
  const { LOCALSTACK_AUTH_TOKEN } = process.env;
  const env = {
    // The same inside and outside, so that the URLs it hands out lead to it.
    GATEWAY_LISTEN: `0.0.0.0:${port}`,
    LOCALSTACK_HOST: `localhost.localstack.cloud:${port}`,
    DISABLE_EVENTS: "1",
    // The functions are deployed for ARM, whatever this machine is; they are the same there.
    LAMBDA_IGNORE_ARCHITECTURE: "1",
  };
  const settings = Object.entries(env).flatMap(([name, value]) => ["--env", `${name}=${value}`]);
  // By name, so that the token is in no list of processes.
  if (LOCALSTACK_AUTH_TOKEN) settings.push("--env", "LOCALSTACK_AUTH_TOKEN");
  const publish = ["--publish", `127.0.0.1:${port}:${port}`];
  // It starts the functions' containers itself.
  const engine = ["--volume", "/var/run/docker.sock:/var/run/docker.sock"];
  await run("docker", ["run", "--detach", "--name", container, ...publish, ...engine, ...settings, IMAGE], { signal });
  const healthy = () =>
    fetch(`http://127.0.0.1:${port}/_localstack/health`, { signal: AbortSignal.timeout(2_000) }).then(
      ({ ok }) => ok,
      () => false,
    );
  for (const deadline = Date.now() + START_MS_MAX; !(await healthy()); await sleep(250)) {
    if (Date.now() < deadline && !signal.aborted) continue;
    const { stdout, stderr } = await run("docker", ["logs", "--tail", "20", container]);
    throw new Error(`it does not answer:\n${stdout}${stderr}`);
  }
}

/** What AWS's own tools need to talk to it. The CDK asks for S3 apart. */
function environment(port: number): Record<string, string> {
  const endpoint = `http://127.0.0.1:${port}`;
  return {
    PATH: process.env.PATH ?? "",
    AWS_ACCESS_KEY_ID: "test",
    AWS_SECRET_ACCESS_KEY: "test",
    AWS_REGION: REGION,
    AWS_DEFAULT_REGION: REGION,
    AWS_ENDPOINT_URL: endpoint,
    AWS_ENDPOINT_URL_S3: endpoint,
  };
}
