import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";

const KILL_AFTER_MS = 5_000;
const LINES_SHOWN = 15;

export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  /** The whole environment: this process's own does not go along by itself. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Takes stdout and stderr, appended. */
  readonly logFile: string;
  /** Stdin and stdout are pipes, and the log has stderr alone. */
  readonly piped?: boolean;
  /** Default: that of this process. */
  readonly cwd?: string;
}

/** What this run has started. Each child leads a process group, so that what it starts itself ends with it. */
export class Processes {
  readonly #running = new Set<ChildProcess>();
  #stopping = false;

  start({ file, args, env, logFile, piped = false, cwd }: Command): ChildProcess {
    if (this.#stopping) throw new Error("the run is stopping");
    const log = openSync(logFile, "a");
    const child = spawn(file, args, { env, cwd, stdio: piped ? ["pipe", "pipe", log] : ["ignore", log, log], detached: true });
    closeSync(log);
    this.#running.add(child);
    child.once("error", () => this.#running.delete(child));
    child.once("exit", () => this.#running.delete(child));
    return child;
  }

  /** Resolves when the command has ended with 0. Errors: the last lines of its log otherwise. */
  async run(command: Command): Promise<void> {
    const child = this.start(command);
    const [code] = await once(child, "exit");
    if (code === 0) return;
    const lines = readFileSync(command.logFile, "utf8").trimEnd().split("\n").slice(-LINES_SHOWN);
    throw new Error(
      `${command.args.slice(0, 2).join(" ")} ended with ${code ?? child.signalCode}\n${lines.map((line) => `      ${line}`).join("\n")}`,
    );
  }

  async stopAll(): Promise<void> {
    this.#stopping = true;
    await Promise.all([...this.#running].map(stop));
  }
}

async function stop(child: ChildProcess): Promise<void> {
  const gone = once(child, "exit");
  signal(child, "SIGTERM");
  const timer = setTimeout(() => signal(child, "SIGKILL"), KILL_AFTER_MS);
  await gone;
  clearTimeout(timer);
  // Its own children may outlive it.
  signal(child, "SIGKILL");
}

function signal({ pid }: ChildProcess, name: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
