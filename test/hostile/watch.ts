import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import type { ServerProcess } from "../support/server/server-process.ts";

const MIB = 1_024 * 1_024;
const LOOK_MS = 20;

/** What others saw of the server while something went on. */
export interface Seen {
  /** Slowest answer of /healthz. */
  readonly healthMs: number;
  /** The most memory of its own that the process had. */
  readonly memoryMib: number;
}

/** Memory that is the process's own: pages of files that it maps are the system's. */
export async function memoryMib(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return (Number(/RssAnon:\s+(\d+)/.exec(status)?.[1]) * 1_024) / MIB;
}

/** Looks at the server while `attack` runs. */
export async function watch({ url, pid }: ServerProcess, attack: () => Promise<void>): Promise<Seen> {
  const watcher = spawn(process.execPath, [join(import.meta.dirname, "watcher.mjs"), url], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface(watcher.stdout)[Symbol.asyncIterator]();
  await lines.next();
  let over = false;
  let memory = 0;
  const looking = (async () => {
    while (!over) {
      memory = Math.max(memory, await memoryMib(pid));
      await sleep(LOOK_MS);
    }
  })();
  try {
    await attack();
  } finally {
    over = true;
    await looking;
    watcher.stdin.end();
  }
  const { value } = await lines.next();
  await once(watcher, "close");
  return { healthMs: (JSON.parse(String(value)) as { slowestMs: number }).slowestMs, memoryMib: memory };
}
