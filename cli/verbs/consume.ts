import type { Apogee } from "../../client/apogee.ts";
import { ApogeeError } from "../../client/apogee-error.ts";
import { systemClock } from "../../client/clock.ts";
import { type Duration, secondsOf } from "../../client/duration.ts";
import { type ReceivedMessage, Reject } from "../../client/received-message.ts";
import type { HandlerContext } from "../../client/worker.ts";
import type { Cli } from "../cli.ts";
import { messageEnvironment } from "../consume/message-environment.ts";
import { type End, MessageProcesses } from "../consume/message-processes.ts";
import { Outcomes } from "../consume/outcomes.ts";
import { untilEmpty } from "../consume/until-empty.ts";
import { failureLine, UsageFailure, VerbFailure } from "../failures.ts";
import { duration, wholeNumber, words } from "../values.ts";
import { type Define, examples } from "../verb.ts";

interface ConsumeOptions {
  readonly concurrency: number;
  readonly topics?: readonly string[];
  readonly lease?: Duration;
  readonly rejectCode?: readonly number[];
  readonly max?: number;
  readonly untilEmpty?: boolean;
}

const ABOUT = `
The command is started once for each message, without a shell. It reads the body from standard input, and the rest from its environment:
  APOGEE_MESSAGE_ID, APOGEE_TOPIC, APOGEE_QUEUE_ID, APOGEE_OFFSET, APOGEE_TAG, APOGEE_KEYS (a key a line), APOGEE_MESSAGE_GROUP,
  APOGEE_ATTEMPT, APOGEE_MAX_ATTEMPTS, APOGEE_BORN_AT, APOGEE_STORED_AT, and APOGEE_PROPERTY_<name> for each property, with _ for what
  is no letter or digit. What a message does not have is empty.

Exit code 0 acknowledges the message. Any other, or a signal, gives it back: it comes again after the group's backoff, and is dead-lettered
after its last attempt. The exit code and the last line on standard error are the reason. While the command runs, the lease is extended. If
it is lost, the command gets SIGTERM, and SIGKILL five seconds later.

What the command writes goes where this verb's output goes. With --json, standard output has a document a line for each message, with
messageId, topic, queueId, offset, attempt, maxAttempts, outcome and reason, and the command's output goes to standard error. An outcome
is ACKED, GIVEN_BACK, DEAD_LETTERED or LOST.

Ctrl-C and SIGTERM let the commands that run finish, and start no other. A second one ends them too.

The verb ends with 0 if every message was acknowledged, 3 if some were, 1 if none was, and 130 or 143 after Ctrl-C or SIGTERM.`;

/** Beyond what any timer counts: a command that runs is not cut off. */
const DRAIN_SECONDS = 2_000_000;
const KILL_AFTER_MS = 5_000;
const EXIT_CODE_MAX = 255;

const exitCodes = (text: string, before: readonly number[] = []) => [...before, wholeNumber(1, EXIT_CODE_MAX)(text)];

export const defineConsume: Define = (command, cli) => {
  examples(command, [
    "apogee consume billing -- ./charge.sh",
    "apogee consume billing --concurrency 8 --reject-code 65 -- python3 charge.py",
    "apogee consume billing --until-empty -- sh -c 'cat; echo \" from $APOGEE_TOPIC\"'",
    "apogee consume billing --json -- ./charge.sh 2>/dev/null | jq -r .outcome",
  ])
    .argument("<group>")
    .argument("<command...>", "what is run for each message, behind --")
    .option("--concurrency <n>", "commands at once", wholeNumber(1), 1)
    .option("--topics <names>", "only these of the group's topics, with commas between them", words)
    .option("--lease <time>", "how long a message stays hidden at a time (default: the group's)", duration)
    .option("--reject-code <n>", "an exit code that dead-letters the message at once; may be repeated", exitCodes)
    .option("--max <n>", "end after so many messages", wholeNumber(1))
    .option("--until-empty", "end when nothing waits or is in flight; what was given back is waited for")
    .addHelpText("after", ABOUT)
    .action(async (group: string, [file = "", ...args]: readonly string[], options: ConsumeOptions) => {
      const consuming = new Consuming(cli, await cli.connect(), { file, args }, options);
      await consuming.run(group);
    });
};

/** Its name and message are the reason that the broker keeps. */
class CommandFailed extends Error {
  constructor(end: End) {
    super(end.lastLine);
    this.name = endText(end);
  }
}

const endText = ({ code, signal }: End): string => (signal === null ? `exit code ${code}` : `signal ${signal}`);
const reasonText = (end: End): string => (end.lastLine === "" ? endText(end) : `${endText(end)}: ${end.lastLine}`);

/** The work of one run of the verb. */
class Consuming {
  readonly #cli: Cli;
  readonly #apogee: Apogee;
  readonly #options: ConsumeOptions;
  readonly #file: string;
  readonly #processes: MessageProcesses;
  readonly #outcomes: Outcomes;
  readonly #stopping = new AbortController();
  #begun = 0;
  #cannotStart: NodeJS.ErrnoException | undefined;

  constructor(
    cli: Cli,
    apogee: Apogee,
    { file, args }: { readonly file: string; readonly args: readonly string[] },
    options: ConsumeOptions,
  ) {
    this.#cli = cli;
    this.#apogee = apogee;
    this.#options = options;
    this.#file = file;
    this.#outcomes = new Outcomes(cli);
    this.#processes = new MessageProcesses({
      file,
      args,
      stdout: cli.output.isJson ? 2 : 1,
      passOn: (bytes) => cli.output.passOn(bytes),
      killAfterMs: KILL_AFTER_MS,
    });
  }

  /** Errors: a failure of the command line or of the broker, once what had begun has ended. */
  async run(group: string): Promise<void> {
    const { topics, lease, concurrency } = this.#options;
    this.#heedInterruption();
    const stop = (): void => this.#stopping.abort();
    const { signal } = this.#stopping;
    const worker = this.#apogee.consumer(group).run((message, context) => this.#handle(message, context), {
      concurrency,
      signal,
      handleSignals: false,
      drainSeconds: DRAIN_SECONDS,
      onError: (error, message) => void this.#failed(error, message),
      ...(topics && { topics }),
      ...(lease !== undefined && { leaseSeconds: Math.max(Math.ceil(secondsOf(lease)), 1) }),
    });
    const emptiness = { apogee: this.#apogee, clock: systemClock, group, topics, signal };
    const ends = [worker, ...(this.#options.untilEmpty ? [untilEmpty(emptiness)] : [])];
    const settled = await Promise.allSettled(ends.map((end) => end.finally(stop)));
    this.#outcomes.end();
    if (this.#cannotStart) throw cannotStart(this.#file, this.#cannotStart);
    const failure = settled.find((one) => one.status === "rejected" && !isAbort(one.reason));
    if (failure?.status === "rejected") throw failure.reason;
  }

  #heedInterruption(): void {
    const interruption = this.#cli.interruption();
    interruption.addEventListener("abort", () => {
      this.#stopping.abort();
      const { size } = this.#processes;
      if (size > 0) this.#cli.output.note(`Commands that run: ${size}. They may finish; another Ctrl-C ends them.`);
    });
    process.once("exit", () => this.#processes.endAll());
  }

  async #handle(message: ReceivedMessage, { signal }: HandlerContext): Promise<void> {
    this.#begun++;
    // The worker drains from here on: it hands over no further message.
    if (this.#begun === this.#options.max) this.#stopping.abort();
    const end = await this.#end(message, signal);
    if (end === undefined) return;
    signal.throwIfAborted();
    if (end.code === 0) {
      await this.#ack(message);
      return;
    }
    const reason = reasonText(end);
    if (this.#options.rejectCode?.includes(end.code ?? 0)) {
      await this.#outcomes.add(message, "DEAD_LETTERED", reason);
      throw new Reject(reason);
    }
    await this.#outcomes.add(message, message.attempt < message.maxAttempts ? "GIVEN_BACK" : "DEAD_LETTERED", reason);
    throw new CommandFailed(end);
  }

  /** `undefined` where the command cannot be started: no message is to blame, so that this delivery does not count as an attempt. */
  async #end(message: ReceivedMessage, signal: AbortSignal): Promise<End | undefined> {
    try {
      const environment = messageEnvironment(message, this.#cli.environment);
      return await this.#processes.run({ body: message.bytes(), environment, signal });
    } catch (error) {
      this.#cannotStart = error as NodeJS.ErrnoException;
      this.#stopping.abort();
      await message.nack({ delay: 0, countAttempt: false });
      return undefined;
    }
  }

  async #ack(message: ReceivedMessage): Promise<void> {
    try {
      await message.ack();
      await this.#outcomes.add(message, "ACKED");
    } catch (error) {
      if (!ApogeeError.is(error)) throw error;
      await this.#outcomes.add(message, "LOST", failureLine(error, this.#cli.endpoint));
    }
  }

  /** What no handler hears. */
  async #failed(error: unknown, message: ReceivedMessage | undefined): Promise<void> {
    const { output, endpoint } = this.#cli;
    const line = failureLine(error, endpoint);
    if (message === undefined) output.note(`${output.noteColours.doubtful("apogee:")} ${line} Trying again.`);
    else if (error instanceof Error && error.name === "LeaseLost") await this.#outcomes.add(message, "LOST", line);
    else
      output.note(`${output.noteColours.bad("apogee:")} message ${message.messageId} comes again when its lease ends: ${line}`);
  }
}

function cannotStart(file: string, error: NodeJS.ErrnoException): VerbFailure {
  const reason = error.code === "ENOENT" ? "there is no such command" : error.message;
  const text = `${file} cannot be started: ${reason}.`;
  return error.code === "ENOENT" || error.code === "EACCES" ? new UsageFailure(text) : new VerbFailure(text);
}

const isAbort = (reason: unknown): boolean => reason instanceof Error && reason.name === "AbortError";
