import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { Checks } from "../e2e/checks.ts";
import type { Processes } from "../e2e/processes.ts";
import { createBucket } from "../support/aws/create-bucket.ts";
import { createTable } from "../support/aws/create-table.ts";
import { freePort, startServer } from "../support/server/server-process.ts";
import { installLocalstack, LOCALSTACK_VERSION } from "./install.ts";
import { type Localstack, startLocalstack } from "./localstack-process.ts";
import { runSuite } from "./suite.ts";

const REGION = "us-east-1";
const CREDENTIALS = { accessKeyId: "test", secretAccessKey: "test" };
const NAME = "apogee";

/** Without Docker: LocalStack on this machine, which has no Lambda then, and `npm start` over its S3 and DynamoDB. */
export async function runOverStores(options: {
  readonly checks: Checks;
  readonly home: string;
  readonly folder: string;
  readonly processes: Processes;
  readonly python: string;
  readonly javaHome: string;
  /** Aborts when time is up. */
  readonly signal: AbortSignal;
}): Promise<void> {
  const { checks, home, folder, processes, python, javaHome, signal } = options;
  const installation = await checks.require(`LocalStack ${LOCALSTACK_VERSION} is installed`, () =>
    installLocalstack({ folder: home, python, javaHome, signal }),
  );
  const localstack = await checks.require(
    "it starts",
    () => startLocalstack(installation, folder, signal),
    ({ endpoint }) => endpoint,
  );
  try {
    await runServer({ checks, folder, processes, localstack });
  } finally {
    await localstack.stop();
  }
}

async function runServer(options: {
  readonly checks: Checks;
  readonly folder: string;
  readonly processes: Processes;
  readonly localstack: Localstack;
}): Promise<void> {
  const { checks, folder, processes, localstack } = options;
  const { endpoint } = localstack;
  await checks.require("table and bucket", async () => {
    await createTable({ region: REGION, endpoint, credentials: CREDENTIALS, table: NAME });
    await createBucket({ region: REGION, endpoint, credentials: CREDENTIALS, bucket: NAME });
  });
  const bundles = join(folder, "dist");
  await checks.require("build", () =>
    processes.run({
      file: process.execPath,
      args: ["build/build.mjs", bundles],
      env: process.env,
      logFile: join(folder, "build.log"),
    }),
  );
  const key = randomBytes(24).toString("base64url");
  const server = await checks.require("the server starts", async () =>
    startServer({
      dataDir: join(folder, "unused"),
      port: await freePort(),
      logFile: join(folder, "server.log"),
      command: [process.execPath, join(bundles, "local.mjs")],
      environment: {
        STORE: "aws",
        TABLE: NAME,
        BUCKET: NAME,
        API_KEY: key,
        AWS_REGION: REGION,
        AWS_ENDPOINT_URL: endpoint,
        AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
        AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
      },
    }),
  );
  try {
    await checks.suite("conformance", () => runSuite({ env: { SERVER_URL: server.url, SERVER_KEY: key }, folder, processes }));
  } finally {
    await server.stop();
  }
}
