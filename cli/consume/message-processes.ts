import { type ChildProcess, spawn } from "node:child_process";
import type { Socket } from "node:net";
import type { Readable } from "node:stream";
import { systemClock } from "../../client/clock.ts";

/** What runs for each message. */
export interface Program {
  readonly file: string;
  readonly args: readonly string[];
  /** A file descriptor of this process, where the program's standard output goes. */
  readonly stdout: number;
  /** Takes what it writes to standard error. Resolves when it takes more. */
  readonly passOn: (bytes: Uint8Array) => Promise<void>;
  /** How long it may take after SIGTERM, before SIGKILL. */
  readonly killAfterMs: number;
}

export interface Input {
  readonly body: Uint8Array;
  readonly environment: NodeJS.ProcessEnv;
  /** Ends the process. */
  readonly signal: AbortSignal;
}

/** How a process ended. */
export interface End {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The last line that it wrote to standard error; empty where there is none. */
  readonly lastLine: string;
}

const LAST_LINE_BYTES = 2_048;
/** Something that the program left running may hold its standard error open: nobody waits for that. */
const REST_MS = 500;
/** A Ctrl-C at the terminal goes to a whole process group. In groups of their own, programs finish what they are at. */
const HAS_GROUPS = process.platform !== "win32";

/** Starts a process for each message, without a shell. */
export class MessageProcesses {
  readonly #program: Program;
  readonly #running = new Set<ChildProcess>();

  constructor(program: Program) {
    this.#program = program;
  }

  get size(): number {
    return this.#running.size;
  }

  /** Resolves when the process has ended. Errors: that of `spawn` where the program cannot be started. */
  async run({ body, environment, signal }: Input): Promise<End> {
    const { file, args, stdout, passOn } = this.#program;
    const child = spawn(file, args, { env: environment, stdio: ["pipe", stdout, "pipe"], detached: HAS_GROUPS });
    const ends = new Promise<Pick<End, "code" | "signal">>((resolve, reject) => {
      child.on("error", reject);
      child.on("exit", (code, endedBy) => resolve({ code, signal: endedBy }));
    });
    const errors = lastLineOf(child.stderr as Readable, passOn);
    // A program need not read its input.
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(body);
    this.#running.add(child);
    let killing: NodeJS.Timeout | undefined;
    const end = (): void => {
      send(child, "SIGTERM");
      killing = setTimeout(() => send(child, "SIGKILL"), this.#program.killAfterMs);
    };
    signal.addEventListener("abort", end, { once: true });
    if (signal.aborted) end();
    try {
      const how = await ends;
      return { ...how, lastLine: await within(REST_MS, errors, "") };
    } finally {
      signal.removeEventListener("abort", end);
      clearTimeout(killing);
      this.#running.delete(child);
      // What is left of it does not keep this process.
      (child.stderr as Socket | null)?.unref();
    }
  }

  /** Asks all processes to end. */
  endAll(): void {
    for (const child of this.#running) send(child, "SIGTERM");
  }
}

/** To the process and those that it started. One that has ended gets nothing. */
function send(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  if (!HAS_GROUPS) child.kill(signal);
  else
    try {
      process.kill(-child.pid, signal);
    } catch {
      // It ended just now.
    }
}

async function lastLineOf(stream: Readable, passOn: Program["passOn"]): Promise<string> {
  let end = Buffer.alloc(0);
  for await (const chunk of stream) {
    end = Buffer.concat([end, chunk]).subarray(-LAST_LINE_BYTES);
    await passOn(chunk);
  }
  return end.toString().trimEnd().split("\n").at(-1) ?? "";
}

/** What the promise resolves to, or `otherwise` where that takes longer. */
async function within<T>(ms: number, promise: Promise<T>, otherwise: T): Promise<T> {
  const arrived = new AbortController();
  const late = systemClock.sleep(ms, arrived.signal).then(() => otherwise);
  const value = await Promise.race([promise, late]);
  arrived.abort();
  return value;
}
