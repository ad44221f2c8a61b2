import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { freePort, type ServerProcess, startServer } from "../support/server/server-process.ts";

export interface CliRun {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface CliOptions {
  readonly stdin?: string | Buffer;
  readonly environment?: Readonly<Record<string, string>>;
}

/** Starts the built command line as users do, with nothing of this process's settings. */
export function spawnCli(args: readonly string[], { environment = {} }: CliOptions = {}): ChildProcess {
  const { PATH = "", HOME = "" } = process.env;
  const env = { PATH, HOME, APOGEE_CONFIG: "/nowhere/config.json", ...environment };
  return spawn(process.execPath, ["dist/apogee.mjs", ...args], { env, stdio: "pipe" });
}

export async function ended(child: ChildProcess): Promise<CliRun> {
  let [out, err] = ["", ""];
  child.stdout?.on("data", (chunk) => (out += chunk));
  child.stderr?.on("data", (chunk) => (err += chunk));
  const [code] = await once(child, "close");
  return { code, out, err };
}

export function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliRun> {
  const child = spawnCli(args, options);
  child.stdin?.end(options.stdin);
  return ended(child);
}

export interface Broker {
  readonly url: string;
  /** A folder of the suite's own. */
  readonly folder: string;
  /** Runs a verb against this broker. */
  run(args: readonly string[], options?: CliOptions): Promise<CliRun>;
  /** Runs a verb with `--json`; its documents. Throws where it does not end with 0. */
  json<T = Record<string, unknown>>(...args: string[]): Promise<readonly T[]>;
}

/** A server for the tests of a file. */
export function brokerForTests(environment: Readonly<Record<string, string>> = {}): Broker {
  let server: ServerProcess;
  let folder: string;
  beforeAll(async () => {
    mkdirSync(".tmp", { recursive: true });
    folder = mkdtempSync(resolve(".tmp", "cli-"));
    const logFile = join(folder, "server.log");
    server = await startServer({ dataDir: join(folder, "data"), port: await freePort(), logFile, environment });
  });
  afterAll(async () => {
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  const run: Broker["run"] = (args, options = {}) =>
    runCli(args, { ...options, environment: { APOGEE_ENDPOINT: server.url, ...options.environment } });
  return {
    get url() {
      return server.url;
    },
    get folder() {
      return folder;
    },
    run,
    async json<T>(...args: string[]) {
      const { code, out, err } = await run([...args, "--json"]);
      if (code !== 0) throw new Error(`apogee ${args.join(" ")} ended with ${code}: ${err}`);
      return documents<T>(out);
    },
  };
}

/** The JSON documents of some lines. */
export const documents = <T = Record<string, unknown>>(lines: string): readonly T[] =>
  lines
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as T);
