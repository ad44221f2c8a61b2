import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Ministack } from "./ministack.ts";

export const FUNCTION_NAMES = ["Api", "Maintenance", "Scanner"] as const;
const STACKS = { Api: "ApogeeApi", Maintenance: "ApogeeService", Scanner: "ApogeeService" } as const;
const LOG_BYTES_MAX = 64 * 1_024 * 1_024;

/** What the deployed functions have logged. */
export class FunctionLogs {
  readonly #python: string;
  readonly #env: NodeJS.ProcessEnv;

  constructor(python: string, { env }: Ministack) {
    this.#python = python;
    this.#env = env;
  }

  /** Lines so far, the oldest first. */
  async of(name: (typeof FUNCTION_NAMES)[number]): Promise<readonly string[]> {
    const args = ["test/e2e/log-messages.py", STACKS[name], `${name}Log`];
    const { stdout } = await promisify(execFile)(this.#python, args, { env: this.#env, maxBuffer: LOG_BYTES_MAX });
    return stdout.split("\n");
  }
}
