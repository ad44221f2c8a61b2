import { ApogeeError } from "../../client/apogee-error.ts";
import type { BatchResult } from "../../client/batch.ts";
import type { Duration } from "../../client/duration.ts";
import { entryOf, type MessageOptions, type MessageToSend } from "../../client/send.ts";
import type { Topic } from "../../client/topic.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { failureLine, failureMembers, UsageFailure } from "../failures.ts";
import { lineGroups, readBody } from "../input.ts";
import { duration, instant, pair, repeated, wholeNumber } from "../values.ts";
import { type Define, examples } from "../verb.ts";

interface SendOptions {
  readonly ndjson?: boolean;
  readonly count: number;
  readonly tag?: string;
  readonly key?: readonly string[];
  readonly property?: Readonly<Record<string, string>>;
  readonly messageGroup?: string;
  readonly delay?: Duration;
  readonly deliverAt?: Date;
  readonly dedupKey?: string;
  readonly priority?: number;
}

/** Messages that go to the client at once, which makes batches of them. */
const AT_ONCE = 1_000;

export const defineSend: Define = (command, cli) => {
  examples(command, [
    "apogee send orders 'hello'",
    "apogee send orders @order.json --tag created --key A-1001 --property amount=12",
    "date | apogee send orders -",
    'apogee send orders --ndjson < messages.ndjson   # lines such as {"body": "hello", "tag": "created"}',
    "apogee send reminders 'wake up' --delay 10m",
  ])
    .argument("<topic>")
    .argument("[text]", "the body; - is standard input, @file a file")
    .option("--ndjson", "standard input has a message a line, with body, tag, keys, properties, messageGroup and so on")
    .option("--count <n>", "send it so many times", wholeNumber(1), 1)
    .option("--tag <tag>", "what it is about, for filters")
    .option("--key <key>", "what it is known by elsewhere; may be repeated", repeated)
    .option("--property <name=value>", "may be repeated", pair)
    .option("--message-group <name>", "messages of one group are delivered in order")
    .option("--delay <time>", "deliver it so much later, such as 10m", duration)
    .option("--deliver-at <time>", "deliver it then", instant)
    .option("--dedup-key <key>", "sends with the same key are stored once")
    .option("--priority <n>", "the highest is delivered first", wholeNumber(0))
    .action(async (name: string, text: string | undefined, options: SendOptions) => {
      refuseMixed(text, options);
      const topic = (await cli.connect()).topic(name);
      const message = messageOptions(options);
      if (text !== undefined && options.count === 1) {
        const { body, ...rest } = { body: await readBody(text, cli.stdin), ...message };
        const receipt = await topic.send(body, rest);
        await cli.output.next(receipt, () => `${receipt.messageId}\n`);
        return;
      }
      const sending = new Sending(cli, topic, options.ndjson ? undefined : options.count);
      try {
        if (text === undefined) await sendLines(cli, sending, message);
        else await sendCopies(sending, { body: await readBody(text, cli.stdin), ...message }, options.count);
      } finally {
        sending.end();
      }
    });
};

/** Errors: a `UsageFailure` for options that cannot go together. */
function refuseMixed(text: string | undefined, { ndjson, count, dedupKey }: SendOptions): void {
  if (ndjson && text !== undefined) throw new UsageFailure("--ndjson reads messages from standard input: give no text.");
  if (ndjson && count > 1) throw new UsageFailure("--count is for one message, not for --ndjson.");
  if (!ndjson && text === undefined) throw new UsageFailure("What is to be sent? Give a text, - for standard input, or @file.");
  if (dedupKey !== undefined && (count > 1 || ndjson))
    throw new UsageFailure("Sends with one --dedup-key are stored once: give it for one message.");
}

function messageOptions({ key, property, ndjson: _, count: __, ...rest }: SendOptions): MessageOptions {
  return { ...rest, ...(key && { keys: key }), ...(property && { properties: property }) };
}

async function sendCopies(sending: Sending, message: MessageToSend, count: number): Promise<void> {
  for (let first = 1; first <= count; first += AT_ONCE) {
    const numbers = numbersFrom(first, Math.min(count, first + AT_ONCE - 1));
    const failure = await sending.send(numbers.map((number) => ({ number, message })));
    if (failure) return sending.fail(numbersFrom(first, count), failure);
  }
}

const numbersFrom = (first: number, last: number): readonly number[] =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index);

/** What a line names goes before the options. */
async function sendLines(cli: Cli, sending: Sending, defaults: MessageOptions): Promise<void> {
  let number = 0;
  for await (const lines of lineGroups(cli.stdin)) {
    const messages: Numbered[] = [];
    for (const line of lines) {
      number++;
      try {
        messages.push({ number, message: await messageIn(line, defaults) });
      } catch (error) {
        await sending.refuse({ number, code: "INVALID_LINE", detail: (error as Error).message });
      }
    }
    const failure = messages.length === 0 ? undefined : await sending.send(messages);
    if (failure === undefined) continue;
    await sending.fail(
      messages.map((message) => message.number),
      failure,
    );
    return cli.output.note(`What follows message ${number} was not read.`);
  }
}

/** Errors: a `TypeError` for a line that is no message, which says why. */
async function messageIn(line: string, defaults: MessageOptions): Promise<MessageToSend> {
  const named = objectIn(line);
  if (named?.body === undefined) throw new TypeError("it is no JSON object with a body");
  const { dedupKey, properties } = named;
  // The client would take either for something else.
  if (dedupKey !== undefined && dedupKey !== false && typeof dedupKey !== "string")
    throw new TypeError("its dedupKey is no text");
  if (properties !== undefined && !isObject(properties)) throw new TypeError("its properties are no JSON object");
  const { body, ...options } = { ...defaults, ...named } as MessageToSend;
  // A batch with one message that cannot be written is not sent at all.
  await entryOf(body, options, { identities: false });
  return { body, ...options };
}

function objectIn(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A message, and which one it is of those that were given, from 1. */
interface Numbered {
  readonly number: number;
  readonly message: MessageToSend;
}

interface Refusal {
  readonly number: number;
  readonly code: string;
  readonly detail: string;
}

/** Sends, and says of each message what became of it: its id on standard output, or why it failed on standard error. */
class Sending {
  readonly #cli: Cli;
  readonly #topic: Topic;
  readonly #progress;
  #sent = 0;
  #failed = 0;

  constructor(cli: Cli, topic: Topic, total: number | undefined) {
    this.#cli = cli;
    this.#topic = topic;
    this.#progress = cli.progress("messages sent", total);
  }

  /** Answers why the call failed as a whole, where others before it did not. Errors: `ApogeeError` if nothing was sent before. */
  async send(messages: readonly Numbered[]): Promise<ApogeeError | undefined> {
    let results: readonly BatchResult[];
    try {
      results = await this.#topic.sendBatch(messages.map(({ message }) => message));
    } catch (error) {
      if (this.#sent > 0 && ApogeeError.is(error)) return error;
      throw error;
    }
    for (let at = 0; at < results.length; ) {
      const result = results[at] as BatchResult;
      if (ApogeeError.is(result)) {
        // Messages of one call that failed share its error.
        const end = results.findIndex((other, index) => index > at && other !== result);
        const failed = messages.slice(at, end === -1 ? undefined : end);
        await this.fail(
          failed.map(({ number }) => number),
          result,
        );
        at += failed.length;
      } else {
        this.#sent++;
        at++;
        await this.#cli.output.next(result, () => `${result.messageId}\n`);
      }
    }
    this.#progress.advance(results.length);
    return undefined;
  }

  /** A message whose line cannot be sent. */
  async refuse(refusal: Refusal): Promise<void> {
    await this.#document(refusal);
    this.#note(`message ${refusal.number}: ${refusal.code}: ${refusal.detail}`);
  }

  /** Messages that follow each other, and failed alike. */
  async fail(numbers: readonly number[], error: ApogeeError): Promise<void> {
    const { code, detail } = failureMembers(error);
    for (const number of numbers) await this.#document({ number, code, detail });
    const which = numbers.length === 1 ? `message ${numbers[0]}` : `messages ${numbers[0]} to ${numbers.at(-1)}`;
    this.#note(`${which}: ${failureLine(error, this.#cli.endpoint)}`);
  }

  /** Says how it went, also where a call failed. */
  end(): void {
    this.#progress.end();
    if (this.#failed > 0) {
      this.#cli.output.note(`${this.#sent} messages were sent, and ${this.#failed} were not.`);
      this.#cli.exitCode = this.#sent > 0 ? EXIT.partly : EXIT.error;
    } else if (this.#sent > 1) this.#cli.output.note(`${this.#sent} messages were sent to ${this.#topic.name}.`);
  }

  async #document(refusal: Refusal): Promise<void> {
    this.#failed++;
    const { output } = this.#cli;
    if (output.isJson) await output.next({ status: "error", ...refusal }, () => "");
  }

  #note(line: string): void {
    const { output } = this.#cli;
    output.note(`${output.noteColours.bad("apogee:")} ${line}`);
  }
}
