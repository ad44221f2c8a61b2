import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { createServer } from "node:net";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";

const HOST = "127.0.0.1";
const POLL_MS = 5;

export interface ServerOptions {
  readonly dataDir: string;
  readonly port: number;
  /** The file to which stdout and stderr are appended. */
  readonly logFile: string;
  /** Default: the bundle, run by node. */
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Default 15 s. */
  readonly startMsMax?: number;
}

/** The embedded server as users run it: a child process on its own folder. */
export interface ServerProcess {
  readonly url: string;
  readonly pid: number;
  /** From spawn to the first 200 of /healthz. */
  readonly startMs: number;
  /** SIGKILL; resolves once the process is gone. */
  kill(): Promise<void>;
  /** SIGTERM, and SIGKILL if it has not ended within 10 s. */
  stop(): Promise<void>;
}

/** A port that was free a moment ago. */
export const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, HOST, () => {
      const address = probe.address();
      probe.close(() => (address !== null && typeof address === "object" ? resolve(address.port) : reject(new Error("no port"))));
    });
  });

const hasExited = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;

const untilHealthy = async (child: ChildProcess, url: string, startMsMax: number): Promise<void> => {
  const deadline = performance.now() + startMsMax;
  while (performance.now() < deadline) {
    if (hasExited(child)) throw new Error(`the server ended with ${child.exitCode ?? child.signalCode} before it answered`);
    const healthy = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(1_000) }).then(
      async (response) => {
        await response.arrayBuffer();
        return response.ok;
      },
      () => false,
    );
    if (healthy) return;
    await sleep(POLL_MS);
  }
  throw new Error(`the server did not answer within ${startMsMax} ms`);
};

/** Throws if the process ends early or does not answer in time. The process is then dead. */
export const startServer = async (options: ServerOptions): Promise<ServerProcess> => {
  const [file = process.execPath, ...args] = options.command ?? [process.execPath, "dist/local.mjs"];
  const log = openSync(options.logFile, "a");
  const startedAt = performance.now();
  const child = spawn(file, args, {
    env: { ...process.env, ...options.environment, HOST, PORT: String(options.port), DATA_DIR: options.dataDir },
    stdio: ["ignore", log, log],
  });
  closeSync(log);
  const gone = new Promise<void>((resolve) => {
    child.once("close", () => resolve());
    child.once("error", () => resolve());
  });

  const signal = async (name: NodeJS.Signals): Promise<void> => {
    if (!hasExited(child)) child.kill(name);
    await gone;
  };
  const url = `http://${HOST}:${options.port}`;
  try {
    await untilHealthy(child, url, options.startMsMax ?? 15_000);
  } catch (error) {
    await signal("SIGKILL");
    throw new Error(`${error instanceof Error ? error.message : error}; see ${options.logFile}`, { cause: error });
  }
  return {
    url,
    pid: child.pid ?? 0,
    startMs: performance.now() - startedAt,
    kill: () => signal("SIGKILL"),
    stop: async () => {
      const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
      await signal("SIGTERM");
      clearTimeout(timer);
    },
  };
};
