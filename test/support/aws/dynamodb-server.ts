import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { freePort } from "../server/server-process.ts";

const PACKAGE = `@dynoxide/${process.platform}-${process.arch}`;
const STARTS_MAX = 5;

export interface DynamoDbServer {
  readonly endpoint: string;
  stop(): Promise<void>;
}

/** The path of the DynamoDB stand-in for this machine, or why there is none. */
export function dynamoDbBinary(): { readonly path: string } | { readonly unavailable: string } {
  try {
    const path = join(dirname(createRequire(import.meta.url).resolve(`${PACKAGE}/package.json`)), "dynoxide");
    if (existsSync(path)) return { path };
  } catch {
    // Not installed: an optional dependency, of some platforms only.
  }
  return { unavailable: `DynamoDB's stand-in ${PACKAGE} is not installed` };
}

/** An empty DynamoDB in memory, on a free port of the loopback interface. */
export async function startDynamoDbServer(binary: string): Promise<DynamoDbServer> {
  for (let starts = 1; ; starts++) {
    const port = await freePort();
    const server = await startOn(binary, port);
    if (server !== undefined) return server;
    if (starts === STARTS_MAX) throw new Error(`${binary} did not start`);
  }
}

/**
 * Runs a command until it or standard input ends. Standard input ends when the starting process is gone, however it ended: a terminated
 * worker runs no handlers.
 */
const LEASH = 'exec 3<&0; "$@" 3<&- & command=$!; { read -r _ <&3; kill $command; } & leash=$!; wait $command; kill $leash';

/** `undefined` if it ends before it listens, for example because another process took the port. */
async function startOn(binary: string, port: number): Promise<DynamoDbServer | undefined> {
  const command = [binary, "--host", "127.0.0.1", "--port", String(port)];
  const child = spawn("sh", ["-c", LEASH, "sh", ...command], { stdio: ["pipe", "ignore", "pipe"] });
  const gone = once(child, "close");
  const lines = createInterface({ input: child.stderr });
  const listening = await Promise.race([
    new Promise<boolean>((resolve) => lines.on("line", (line) => line.includes("listening") && resolve(true))),
    gone.then(() => false),
  ]);
  if (!listening) return undefined;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    async stop() {
      child.stdin.end();
      await gone;
    },
  };
}
