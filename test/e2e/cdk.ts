import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ACCOUNT, type Ministack, REGION } from "./ministack.ts";
import type { Processes } from "./processes.ts";

const CLI = "node_modules/aws-cdk/bin/cdk";
/** What anyone would type, for stacks that leave nothing behind. */
const THROWAWAY = ["--all", "-c", "throwaway=true"];
const STACKS = ["ApogeeStorage", "ApogeeApi", "ApogeeService"];

export interface Outputs {
  readonly url: string;
  readonly table: string;
  readonly bucket: string;
}

/** The plain CDK command line on this repository's app, against MiniStack. */
export class Cdk {
  readonly #folder: string;
  readonly #processes: Processes;
  readonly #env: Readonly<Record<string, string>>;

  constructor(options: { folder: string; processes: Processes; ministack: Pick<Ministack, "env">; apiKey: string }) {
    this.#folder = options.folder;
    this.#processes = options.processes;
    this.#env = {
      ...options.ministack.env,
      APOGEE_API_KEY: options.apiKey,
      CI: "true",
      NO_COLOR: "1",
      NODE_NO_WARNINGS: "1",
      CDK_DISABLE_CLI_TELEMETRY: "true",
    };
  }

  async bootstrap(): Promise<void> {
    await this.#run("bootstrap", `aws://${ACCOUNT}/${REGION}`);
  }

  /** Returns what the deployment prints. `options`: as `name=value`. */
  async deploy(...options: readonly string[]): Promise<Outputs> {
    const file = join(this.#folder, "outputs.json");
    const context = options.flatMap((option) => ["-c", option]);
    await this.#run("deploy", ...THROWAWAY, ...context, "--require-approval", "never", "--outputs-file", file);
    const { ApogeeStorage, ApogeeApi } = JSON.parse(readFileSync(file, "utf8"));
    return { url: ApogeeApi.Url, table: ApogeeStorage.Table, bucket: ApogeeStorage.Bucket };
  }

  /** Errors: when any stack changed; when the account was not asked what may run at once in it, or had no room. */
  async deployUnchanged(): Promise<void> {
    const log = await this.#run("deploy", ...THROWAWAY, "--require-approval", "never");
    for (const stack of STACKS) if (!log.includes(`${stack} (no changes)`)) throw new Error(`${stack} was changed`);
  }

  async destroy(): Promise<void> {
    await this.#run("destroy", ...THROWAWAY, "--force");
  }

  /** Takes the service away, and nothing else. */
  async destroyService(): Promise<void> {
    await this.#run("destroy", "ApogeeService", "-c", "throwaway=true", "--force");
  }

  /** The way back, or forward again. Returns what it printed. */
  async rollBack(...args: readonly string[]): Promise<string> {
    const logFile = join(this.#folder, `rollback-${Date.now()}.log`);
    await this.#processes.run({
      file: "npm",
      args: ["run", "--silent", "rollback", "--", ...args],
      env: this.#env,
      logFile,
    });
    return readFileSync(logFile, "utf8");
  }

  /** Returns what the command printed. */
  async #run(command: string, ...args: string[]): Promise<string> {
    const logFile = join(this.#folder, `cdk-${command}-${Date.now()}.log`);
    await this.#processes.run({
      file: process.execPath,
      args: [CLI, command, "--output", join(this.#folder, "cdk.out"), ...args],
      env: this.#env,
      logFile,
    });
    return readFileSync(logFile, "utf8");
  }
}
