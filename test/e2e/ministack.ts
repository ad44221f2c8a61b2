import { mkdir, readdir, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../support/server/server-process.ts";
import { type Certificates, ENDPOINT_ADDRESSES, makeCertificates } from "./certificates.ts";
import type { Processes } from "./processes.ts";

export const REGION = "us-east-1";
export const ACCOUNT = "000000000000";
/** Folder in the run's folder, with a copy of each function that was started. */
export const FUNCTIONS = "functions";
const START_MS_MAX = 20_000;
const WORKER_FOLDER = "ministack-lambda-";

/** AWS on this machine: over TLS, with signatures and IAM policies enforced, functions as processes of their own. */
export interface Ministack {
  readonly port: number;
  readonly ca: string;
  /** Its own, and those of whoever plays an endpoint of producers. */
  readonly certificates: Certificates;
  /** What AWS's own tools need to talk to it. */
  readonly env: Readonly<Record<string, string>>;
  /** Processes started so far for functions whose names contain `name`; one serves a request at a time. */
  instances(name: string): Promise<number>;
}

/** Starts it on a free port of the loopback address; its files go to `folder`. Errors: when it does not answer within 20 s. */
export async function startMinistack(options: { python: string; folder: string; processes: Processes }): Promise<Ministack> {
  const { python, folder, processes } = options;
  const temporary = join(folder, FUNCTIONS);
  await mkdir(temporary);
  // What starts the functions is CommonJS; without this it would count as part of this repository's package, which is not.
  await writeFile(join(temporary, "package.json"), "{}");
  const certificates = await makeCertificates(folder, REGION);
  const port = await freePort();
  const logFile = join(folder, "ministack.log");
  const child = processes.start({
    file: python,
    args: ["-m", "ministack"],
    env: serverEnvironment({ port, temporary, certificates }),
    logFile,
  });
  const { ca } = certificates;
  const endpoint = `https://127.0.0.1:${port}`;
  const env = {
    PATH: process.env.PATH ?? "",
    HOME: folder,
    AWS_ACCESS_KEY_ID: "test",
    AWS_SECRET_ACCESS_KEY: "test",
    AWS_REGION: REGION,
    AWS_DEFAULT_REGION: REGION,
    AWS_ENDPOINT_URL: endpoint,
    AWS_CA_BUNDLE: ca,
    NODE_EXTRA_CA_CERTS: ca,
  };
  for (const deadline = Date.now() + START_MS_MAX; !(await answers(port)); await sleep(50)) {
    if (child.exitCode !== null || Date.now() > deadline) throw new Error(`MiniStack did not start, see ${logFile}`);
  }
  const instances = async (name: string): Promise<number> =>
    (await readdir(temporary)).filter((entry) => entry.startsWith(WORKER_FOLDER) && entry.includes(name)).length;
  return { port, ca, certificates, env, instances };
}

/** All that it and the functions it runs are to know: what this process has in its environment would reach them. */
function serverEnvironment(options: { port: number; temporary: string; certificates: Certificates }): Record<string, string> {
  const { ca, certificate, key } = options.certificates;
  return {
    PATH: process.env.PATH ?? "",
    HOME: options.temporary,
    TMPDIR: options.temporary,
    BIND_HOST: "127.0.0.1",
    GATEWAY_PORT: String(options.port),
    AUTH: "true",
    USE_SSL: "1",
    MINISTACK_SSL_CERT: certificate,
    MINISTACK_SSL_KEY: key,
    LAMBDA_EXECUTOR: "local",
    // Only these: that no others are reached is tested too.
    WEBHOOK_ALLOW_PRIVATE: ENDPOINT_ADDRESSES.range,
    // The functions call back over TLS.
    NODE_EXTRA_CA_CERTS: ca,
    SSL_CERT_FILE: ca,
  };
}

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
