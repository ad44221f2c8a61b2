import { Api } from "./api.ts";
import type { components } from "./api-types.ts";
import type { Answer, CallInput, CallOptions, MethodOf, Path } from "./call.ts";
import { type Around, Consumer } from "./consumer.ts";
import { Group } from "./group.ts";
import { NumberedBatches } from "./numbered-batches.ts";
import type { Running } from "./running.ts";
import type { Inject, Writing } from "./send.ts";
import type { StandardSchema } from "./standard-schema.ts";
import { Topic } from "./topic.ts";
import {
  answerChecks,
  type Check,
  type CheckOptions,
  endTransaction,
  type HalfMessage,
  inTransaction,
  type Transaction,
  type Verdict,
} from "./transaction.ts";
import { Transport, type TransportOptions } from "./transport.ts";

type Schemas = components["schemas"];

export interface ApogeeOptions extends TransportOptions {
  /** `false`: messages that name no dedup key are sent without one (see `MessageOptions.dedupKey`). Default `true`. */
  readonly identities?: boolean | undefined;
  /** Writes what travels with each message to its properties, such as OpenTelemetry's `traceparent`. */
  readonly inject?: Inject | undefined;
  /** Wraps the handling of each message by a worker, such as in a span that continues the message's trace. */
  readonly around?: Around | undefined;
}

/** A client of one broker. It holds no connection of its own, and needs no closing. */
export class Apogee {
  readonly #api: Api;
  readonly #writing: Writing;
  /** By topic, of those that a batch was sent to. */
  readonly #batches = new Map<string, NumberedBatches>();
  readonly #around: Around | undefined;

  /** Errors: a `TypeError` without an endpoint. */
  constructor(options: ApogeeOptions = {}) {
    const { identities = true, inject, around } = options;
    this.#api = new Api(new Transport(options));
    this.#writing = { identities, inject };
    this.#around = around;
  }

  /** A topic. With a schema, bodies are checked before they are sent, and have its type. */
  topic(name: string): Topic;
  topic<Input>(name: string, options: { readonly schema: StandardSchema<Input, unknown> }): Topic<Input>;
  topic<Input>(name: string, { schema }: { readonly schema?: StandardSchema<Input, unknown> } = {}): Topic<Input> {
    const batches = (): NumberedBatches => {
      const made = this.#batches.get(name) ?? new NumberedBatches();
      this.#batches.set(name, made);
      return made;
    };
    return new Topic<Input>(this.#api, name, { writing: this.#writing, batches, schema });
  }

  /** One that receives a group's messages. With a schema, `message.json()` is what the schema makes of the body. */
  consumer(group: string): Consumer;
  consumer<Output>(group: string, options: { readonly schema: StandardSchema<unknown, Output> }): Consumer<Output>;
  consumer<Output>(group: string, { schema }: { readonly schema?: StandardSchema<unknown, Output> } = {}): Consumer<Output> {
    return new Consumer<Output>(this.#api, group, schema, this.#around);
  }

  group(name: string): Group {
    return new Group(this.#api, name);
  }

  /** Sends a half message, runs `work`, and commits when that returns, or rolls back when it throws. */
  transaction<T>(topic: string, message: HalfMessage, work: (transaction: Transaction) => T | Promise<T>): Promise<T> {
    return inTransaction(this.#api, this.#writing, topic, message, work);
  }

  /** Answers checks of transactions that nobody has ended, until it is stopped. A handler that throws gives no verdict. */
  onCheck(producerGroup: string, handler: (check: Check) => Verdict | Promise<Verdict>, options: CheckOptions = {}): Running {
    return answerChecks(this.#api, producerGroup, handler, options);
  }

  /** Errors: `TRANSACTION_ENDED` if it was rolled back. */
  commit(transactionId: string, options: CallOptions = {}): Promise<Schemas["Transaction"]> {
    return endTransaction(this.#api, "commit", transactionId, options);
  }

  /** Errors: `TRANSACTION_ENDED` if it was committed. */
  rollback(transactionId: string, options: CallOptions = {}): Promise<Schemas["Transaction"]> {
    return endTransaction(this.#api, "rollback", transactionId, options);
  }

  /** Any operation of the API, by its method and path, with its types. A POST is done once, however often it is repeated. */
  call<P extends Path, M extends MethodOf<P>>(method: M, path: P, input: CallInput<P, M>): Promise<Answer<P, M>> {
    return this.#api.call(method, path, input);
  }
}
