import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { freePort } from "../support/server/server-process.ts";
import type { Installation } from "./install.ts";

const START_MS_MAX = 60_000;
/** It takes some seconds to stop DynamoDB Local and itself. */
const STOP_MS_MAX = 20_000;

export interface Localstack {
  readonly endpoint: string;
  stop(): Promise<void>;
}

/** LocalStack as a process on this machine, at a free port of the loopback address. Its files go to `folder`. */
export async function startLocalstack(installation: Installation, folder: string, signal: AbortSignal): Promise<Localstack> {
  const port = await freePort();
  const temporary = join(folder, "tmp");
  await mkdir(temporary, { recursive: true });
  const logFile = join(folder, "localstack.log");
  const log = openSync(logFile, "a");
  const child = spawn(installation.python, ["-m", "localstack.runtime.main"], {
    cwd: folder,
    env: environment(installation, port, temporary),
    stdio: ["ignore", log, log],
  });
  closeSync(log);
  const endpoint = `http://127.0.0.1:${port}`;
  const healthy = () =>
    fetch(`${endpoint}/_localstack/health`, { signal: AbortSignal.timeout(2_000) }).then(
      ({ ok }) => ok,
      () => false,
    );
  for (const deadline = Date.now() + START_MS_MAX; !(await healthy()); await sleep(100)) {
    if (child.exitCode === null && Date.now() < deadline && !signal.aborted) continue;
    await stop(child);
    throw new Error(`LocalStack did not start, see ${logFile}`);
  }
  return { endpoint, stop: () => stop(child) };
}

/** All that it is to know: what this process has in its environment stays away from it. */
const environment = ({ root }: Installation, port: number, temporary: string): Record<string, string> => ({
  PATH: process.env.PATH ?? "",
  HOME: temporary,
  TMPDIR: temporary,
  JAVA_TOOL_OPTIONS: `-Djava.io.tmpdir=${temporary}`,
  OVERRIDE_IN_DOCKER: "0",
  FILESYSTEM_ROOT: root,
  GATEWAY_LISTEN: `127.0.0.1:${port}`,
  LOCALSTACK_HOST: `127.0.0.1:${port}`,
  SKIP_SSL_CERT_DOWNLOAD: "1",
  DISABLE_EVENTS: "1",
  DYNAMODB_IN_MEMORY: "1",
  DNS_ADDRESS: "0",
});

/** DynamoDB Local is a child of LocalStack's in a process group of its own: it is ended by its id where LocalStack leaves it. */
async function stop(child: ChildProcess): Promise<void> {
  const { pid } = child;
  if (pid === undefined) return;
  const children = await childrenOf(pid);
  if (child.exitCode === null && child.signalCode === null) {
    const gone = once(child, "exit");
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS_MAX);
    await gone;
    clearTimeout(timer);
  }
  for (const { pid: left, command } of children) {
    // An id that was given to another process since bears another name.
    const now = await commandOf(left);
    if (now === command) process.kill(left, "SIGKILL");
  }
}

const ps = async (...args: string[]): Promise<string> =>
  promisify(execFile)("ps", args).then(
    ({ stdout }) => stdout,
    () => "",
  );

const commandOf = async (pid: number): Promise<string> => (await ps("-o", "args=", "-p", String(pid))).trim();

async function childrenOf(pid: number): Promise<readonly { pid: number; command: string }[]> {
  const lines = (await ps("-eo", "ppid=,pid=")).split("\n").map((line) => line.trim().split(/\s+/).map(Number));
  const children = lines.filter(([parent]) => parent === pid).map(([, child = 0]) => child);
  return Promise.all(children.map(async (child) => ({ pid: child, command: await commandOf(child) })));
}
