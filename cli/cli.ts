import type { Apogee } from "../client/apogee.ts";
import { confirm, type Question } from "./confirm.ts";
import { type Connection, type ConnectionOptions, connectionOf } from "./connection.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { Output, type OutputStream } from "./output.ts";
import { Progress } from "./progress.ts";

/** Options that every verb has. */
export interface CommonOptions extends ConnectionOptions {
  readonly json?: boolean;
  readonly yes?: boolean;
  readonly debug?: boolean;
}

export interface CliParts {
  readonly environment: NodeJS.ProcessEnv;
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean | undefined };
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly now: () => number;
}

/** Attempts of a call: someone waits for its answer. They take a second at most where nobody listens. */
const ATTEMPTS = 4;

/** What a verb has of the world, and the options that all verbs share. */
export class Cli {
  readonly output: Output;
  readonly environment: NodeJS.ProcessEnv;
  readonly stdin: CliParts["stdin"];
  /** How the process ends if nothing fails. A verb that did a part of its work sets it. */
  exitCode: ExitCode = EXIT.done;
  /** Where the verb called, once it has. */
  endpoint: string | undefined;
  readonly #parts: CliParts;
  readonly #options: () => CommonOptions;
  readonly #interruption = new AbortController();
  #endsByItself = false;
  #interruptedAs: ExitCode | undefined;
  /** What a verb that ends by itself wants in its place. */
  #endsAs: ExitCode | undefined;

  constructor(parts: CliParts, options: () => CommonOptions) {
    const { stdout, stderr, environment, stdin } = parts;
    this.#parts = parts;
    this.#options = options;
    this.environment = environment;
    this.stdin = stdin;
    this.output = new Output({ stdout, stderr, environment, isJson: () => options().json === true });
  }

  get options(): CommonOptions {
    return this.#options();
  }

  connection(): Promise<Connection> {
    return connectionOf(this.options, this.environment);
  }

  async connect(): Promise<Apogee> {
    const { endpoint, apiKey } = await this.connection();
    this.endpoint = endpoint;
    const { Apogee } = await import("../client/apogee.ts");
    return new Apogee({ endpoint, apiKey, retry: { maxAttempts: ATTEMPTS } });
  }

  /** Before something is lost. Errors: as `confirm`. */
  confirm(question: Question): Promise<void> {
    const { stdin, stderr } = this.#parts;
    return confirm(question, { stdin, stderr, isGiven: this.options.yes === true });
  }

  progress(what: string, total?: number): Progress {
    return new Progress({ stream: this.#parts.stderr, now: this.#parts.now, what, total });
  }

  /**
   * From now on the first Ctrl-C or SIGTERM aborts this, and the verb ends by itself. Without it, they end the process at once. A verb that
   * goes on until it is told to end names another exit code.
   */
  interruption(endsAs?: ExitCode): AbortSignal {
    this.#endsAs = endsAs;
    this.#endsByItself = true;
    return this.#interruption.signal;
  }

  get isInterrupted(): boolean {
    return this.#interruption.signal.aborted;
  }

  /** How the process ends if the verb was interrupted. */
  get interruptedAs(): ExitCode | undefined {
    return this.isInterrupted ? (this.#endsAs ?? this.#interruptedAs) : undefined;
  }

  /** Answers whether the verb ends by itself. */
  interrupt(as: ExitCode): boolean {
    const endsByItself = this.#endsByItself && !this.isInterrupted;
    this.#interruptedAs ??= as;
    this.#interruption.abort();
    return endsByItself;
  }
}
