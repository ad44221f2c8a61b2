import { performance } from "node:perf_hooks";
import type { Apogee } from "../../client/apogee.ts";
import { ApogeeError } from "../../client/apogee-error.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { failureLine } from "../failures.ts";
import { Measure, type Row } from "../load/measure.ts";
import { receiveLoad } from "../load/receive-load.ts";
import { type SendLoad, sendLoad } from "../load/send-load.ts";
import type { Column } from "../table.ts";
import { oneOf, wholeNumber } from "../values.ts";
import { type Define, examples } from "../verb.ts";

const MODES = ["send", "consume", "both"] as const;

interface BenchOptions {
  readonly seconds: number;
  readonly concurrency: number;
  readonly size: number;
  readonly batch?: number;
  readonly linger?: number;
  readonly mode: (typeof MODES)[number];
}

const COLUMNS: readonly Column<Row>[] = [
  { heading: "what", cell: ({ what }) => what },
  { heading: "messages", cell: ({ messages }) => messages, align: "right" },
  { heading: "seconds", cell: ({ seconds }) => seconds.toFixed(1), align: "right" },
  { heading: "per second", cell: ({ perSecond }) => perSecond, align: "right" },
  { heading: "p50 ms", cell: ({ p50Ms }) => p50Ms?.toFixed(1), align: "right" },
  { heading: "p99 ms", cell: ({ p99Ms }) => p99Ms?.toFixed(1), align: "right" },
  { heading: "max ms", cell: ({ maxMs }) => maxMs?.toFixed(1), align: "right" },
];

const ABOUT = `
Rows of the result:
  send        calls that send: how long each took, until its messages were stored
  receive     messages that were received and acknowledged: how long each acknowledgement took
  end to end  messages that were received: how long after their send began

The topic and the group have random names, and are deleted at the end. To measure receiving alone, as many messages are sent first as can be
sent in the same time. The client runs in this process, so that its own limits and those of this machine are in the figures.`;

const BATCH_MAX = 100;
const BODY_MAX = 4 * 1_024 * 1_024;
const SIZE = 1_024;
/** What was sent is waited for at least so long. */
const REST_SECONDS_MIN = 10;
const now = () => performance.now();

export const defineBench: Define = (command, cli) => {
  examples(command, [
    "apogee bench",
    "apogee bench --mode send --concurrency 64 --batch 100",
    "apogee bench --linger 5 --concurrency 1000 --size 200 --json",
  ])
    .option("--seconds <n>", "how long to send", wholeNumber(1), 10)
    .option("--concurrency <n>", "senders, and messages that are acknowledged at once", wholeNumber(1), 32)
    .option("--size <bytes>", "of a body", wholeNumber(1, BODY_MAX), SIZE)
    .option(
      "--batch <n>",
      `messages of a call, up to ${BATCH_MAX} (default 1; with --linger ${BATCH_MAX} at most)`,
      wholeNumber(1, BATCH_MAX),
    )
    .option("--linger <ms>", "let the client make batches of single sends, and wait so long for each", wholeNumber(0))
    .option("--mode <mode>", MODES.join(", "), oneOf(MODES), "both")
    .addHelpText("after", ABOUT)
    .action(async (options: BenchOptions) => {
      const signal = cli.interruption();
      await withTopicAndGroup(cli, async (apogee, name) => {
        const bench = new Bench(cli, apogee, name, options, signal);
        const rows = await bench.run();
        await cli.output.list(rows, COLUMNS, "Nothing was measured.");
        bench.end();
      });
    });
};

/** Makes both, and deletes them however the work ends. */
async function withTopicAndGroup(cli: Cli, work: (apogee: Apogee, name: string) => Promise<void>): Promise<void> {
  const apogee = await cli.connect();
  const name = `bench-${crypto.randomUUID().slice(0, 13)}`;
  // Where this cannot be done, neither can a deletion.
  await apogee.topic(name).put();
  try {
    await apogee.group(name).put();
    await apogee.group(name).subscribe(name, { startFrom: "earliest" });
    await work(apogee, name);
  } finally {
    for (const [what, remove] of [
      ["group", () => apogee.group(name).delete()],
      ["topic", () => apogee.topic(name).delete()],
    ] as const)
      await remove().catch((error) => {
        // It was not made.
        if (ApogeeError.is(error) && error.status === 404) return;
        cli.exitCode = EXIT.error;
        cli.output.note(`${name} was not deleted: ${failureLine(error, cli.endpoint)} To delete it: apogee ${what} rm ${name}`);
      });
  }
}

class Bench {
  readonly #cli: Cli;
  readonly #apogee: Apogee;
  readonly #name: string;
  readonly #options: BenchOptions;
  readonly #signal: AbortSignal;
  readonly #sends = new Measure(now);
  #failures = 0;
  #firstFailure: unknown;

  constructor(cli: Cli, apogee: Apogee, name: string, options: BenchOptions, signal: AbortSignal) {
    this.#cli = cli;
    this.#apogee = apogee;
    this.#name = name;
    this.#options = options;
    this.#signal = signal;
  }

  run(): Promise<readonly Row[]> {
    const { mode } = this.#options;
    if (mode === "send") return this.#send();
    return mode === "consume" ? this.#consume() : this.#both();
  }

  /** Says what failed. */
  end(): void {
    const { output, endpoint } = this.#cli;
    output.note("The client runs in this process: its own limits are in these figures.");
    if (this.#failures === 0) return;
    this.#cli.exitCode = EXIT.partly;
    output.note(`${this.#failures} failed, the first one: ${failureLine(this.#firstFailure, endpoint)}`);
  }

  async #send(): Promise<readonly Row[]> {
    await this.#sendAll({});
    return [this.#sends.row("send")];
  }

  async #consume(): Promise<readonly Row[]> {
    await this.#sendAll({ batch: BATCH_MAX, lingerMs: undefined });
    const { rows } = await this.#receiving("messages received", (receiving) =>
      receiving.until(this.#sends.messages, this.#options.seconds),
    );
    return [rows[0]];
  }

  async #both(): Promise<readonly Row[]> {
    const { rows, received } = await this.#receiving(undefined, async (receiving) => {
      await this.#sendAll({});
      await receiving.until(this.#sends.messages, Math.max(this.#options.seconds, REST_SECONDS_MIN));
    });
    const missing = this.#sends.messages - received;
    if (missing > 0 && !this.#signal.aborted) {
      this.#cli.exitCode = EXIT.partly;
      this.#cli.output.note(`${missing} of ${this.#sends.messages} messages were sent and not acknowledged in time.`);
    }
    return [this.#sends.row("send"), ...rows];
  }

  async #sendAll(shape: Partial<SendLoad>): Promise<void> {
    const { seconds, concurrency, size, linger, batch = linger === undefined ? 1 : BATCH_MAX } = this.#options;
    const progress = this.#cli.progress("messages sent");
    try {
      await sendLoad({
        topic: this.#apogee.topic(this.#name),
        body: "x".repeat(size),
        seconds,
        concurrency,
        batch,
        lingerMs: linger,
        signal: this.#signal,
        now,
        measure: this.#sends,
        advance: (messages) => progress.advance(messages),
        failed: (error) => this.#failed(error),
        ...shape,
      });
    } finally {
      progress.end();
    }
  }

  async #receiving(what: string | undefined, work: (receiving: ReturnType<typeof receiveLoad>) => Promise<void>) {
    const [measure, arrivals] = [new Measure(now), new Measure(now)];
    const ending = new AbortController();
    const progress = what === undefined ? undefined : this.#cli.progress(what, this.#sends.messages);
    const receiving = receiveLoad({
      consumer: this.#apogee.consumer(this.#name),
      concurrency: this.#options.concurrency,
      signal: AbortSignal.any([this.#signal, ending.signal]),
      now,
      measure,
      arrivals,
      advance: (messages) => progress?.advance(messages),
      failed: (error) => this.#failed(error),
    });
    try {
      await work(receiving);
    } finally {
      progress?.end();
      ending.abort();
    }
    return { rows: [measure.row("receive"), arrivals.row("end to end")] as const, received: measure.messages };
  }

  #failed(error: unknown): void {
    this.#failures++;
    this.#firstFailure ??= error;
  }
}
