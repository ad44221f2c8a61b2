import type { Api } from "./api.ts";
import type { components } from "./api-types.ts";
import { BATCH_BYTES_MAX, BATCH_ENTRIES_MAX, type BatchResult, bytesOf, errorsInPlace, sendEntries } from "./batch.ts";
import type { CallOptions } from "./call.ts";
import { type Duration, secondsOf } from "./duration.ts";
import { type LingerOptions, LingerProducer } from "./linger-producer.ts";
import type { StoredMessage } from "./message.ts";
import type { NumberedBatches } from "./numbered-batches.ts";
import { mergeQueues, Queue, type ReadOptions } from "./pull.ts";
import {
  entryOf,
  instantOf,
  type MessageOptions,
  type MessageToSend,
  repeatableMs,
  type SendReceipt,
  type Writing,
} from "./send.ts";
import type { StandardSchema } from "./standard-schema.ts";
import type { Transport } from "./transport.ts";

type Schemas = components["schemas"];

/** When a delayed message is due instead. */
export type NewTime = { readonly delay: Duration } | { readonly deliverAt: Date | string | number };

/** A topic, to send to, to read and to manage. Nothing is asked of the broker until a method is called. */
export class Topic<Body = unknown> {
  readonly name: string;
  readonly #api: Api;
  readonly #transport: Transport;
  readonly #writing: Writing;
  readonly #batches: () => NumberedBatches;
  readonly #schema: StandardSchema<Body, unknown> | undefined;

  constructor(api: Api, name: string, { writing, batches, schema }: TopicParts<Body>) {
    this.name = name;
    this.#api = api;
    this.#transport = api.transport;
    this.#writing = writing;
    this.#batches = batches;
    this.#schema = schema;
  }

  /** Sends one message: text, bytes, or anything else as JSON. Resolves when it is durable. Errors: `ApogeeError`, `InvalidBody`. */
  async send(body: Body, { signal, ...options }: MessageOptions & Pick<CallOptions, "signal"> = {}): Promise<SendReceipt> {
    const entry = await this.#entry(body, options);
    const path = `/v1/topics/${encodeURIComponent(this.name)}/messages`;
    return this.#transport.call({ method: "post", path, body: entry, signal, repeatableMs: repeatableMs(entry) });
  }

  /**
   * Sends messages in as few calls as they fit in, one call after the other, and answers what became of each, in order. After a call that
   * failed as a whole, no other is made, and its error is that of all messages that are left. Errors: `InvalidBody`, before anything is
   * sent; `ApogeeError` if the first call failed as a whole.
   */
  async sendBatch(messages: readonly MessageToSend<Body>[], options: CallOptions = {}): Promise<readonly BatchResult[]> {
    const entries = await Promise.all(messages.map(({ body, ...message }) => this.#entry(body, message)));
    const results: BatchResult[] = [];
    for (let from = 0; from < entries.length; ) {
      let bytes = 0;
      let to = from;
      while (to < entries.length && to - from < BATCH_ENTRIES_MAX) {
        bytes += bytesOf(entries[to] as Schemas["Message"]);
        if (to > from && bytes > BATCH_BYTES_MAX) break;
        to++;
      }
      const sending = this.#sendEntries(entries.slice(from, to), options);
      const left = entries.length - from;
      const answered = await (from === 0 ? sending : errorsInPlace(sending, left));
      results.push(...answered);
      from += answered.length;
    }
    return results;
  }

  /** Turns single sends into batches. */
  producer(options: LingerOptions = {}): LingerProducer<Body> {
    return new LingerProducer<Body>(
      {
        clock: this.#transport.clock,
        encode: (body, message) => this.#entry(body, message),
        send: (entries) => this.#sendEntries(entries, {}),
      },
      options,
    );
  }

  /** One queue, to pull from. */
  queue(queueId: number): Queue {
    return new Queue(this.#transport, this.name, queueId);
  }

  /** The messages of all queues, merged by store time; up to the end there is now. */
  read(options: ReadOptions = {}): AsyncGenerator<StoredMessage, void, undefined> {
    return mergeQueues(this.#transport, this.name, options);
  }

  /** The messages of all queues from now on, or `from` on, as they come. Goes on after failures that pass. */
  tail(options: ReadOptions = {}): AsyncGenerator<StoredMessage, void, undefined> {
    return mergeQueues(this.#transport, this.name, { ...options, follow: true });
  }

  /** Makes the topic, or changes the settings that are named. */
  put(settings: Schemas["TopicSettings"] = {}, options: CallOptions = {}): Promise<Schemas["Topic"]> {
    return this.#api.call("put", "/v1/topics/{topic}", { ...options, path: { topic: this.name }, body: settings });
  }

  get(options: CallOptions = {}): Promise<Schemas["Topic"]> {
    return this.#api.call("get", "/v1/topics/{topic}", { ...options, path: { topic: this.name } });
  }

  /** Changes the settings that are named; `null` restores a default. */
  patch(settings: Schemas["TopicPatch"], options: CallOptions = {}): Promise<Schemas["Topic"]> {
    return this.#api.call("patch", "/v1/topics/{topic}", { ...options, path: { topic: this.name }, body: settings });
  }

  /** Deletes the topic and its messages. */
  async delete(options: CallOptions = {}): Promise<void> {
    await this.#api.call("delete", "/v1/topics/{topic}", { ...options, path: { topic: this.name } });
  }

  /** Cancels a delayed message. Errors: `ALREADY_DELIVERED`. */
  async cancel(recallHandle: string, options: CallOptions = {}): Promise<void> {
    const path = { topic: this.name, recallHandle };
    await this.#api.call("delete", "/v1/topics/{topic}/scheduled/{recallHandle}", { ...options, path });
  }

  /** Moves a delayed message. The handle goes on working. Errors: `ALREADY_DELIVERED`, `MESSAGE_NOT_FOUND`. */
  reschedule(recallHandle: string, time: NewTime, options: CallOptions = {}): Promise<Schemas["Rescheduled"]> {
    const atMs = "delay" in time ? this.#transport.brokerMs() + secondsOf(time.delay) * 1_000 : time.deliverAt;
    const path = { topic: this.name, recallHandle };
    const body = { deliverAt: instantOf(atMs) };
    return this.#api.call("patch", "/v1/topics/{topic}/scheduled/{recallHandle}", { ...options, path, body });
  }

  #sendEntries(entries: readonly Schemas["Message"][], options: CallOptions): Promise<readonly BatchResult[]> {
    return this.#batches().send(entries, (some) => sendEntries(this.#transport, this.name, some, options));
  }

  #entry(body: Body, options: MessageOptions): Promise<Schemas["Message"]> {
    return entryOf(body, options, this.#writing, this.#schema);
  }
}

interface TopicParts<Body> {
  readonly writing: Writing;
  /** Of all objects for this topic. */
  readonly batches: () => NumberedBatches;
  readonly schema: StandardSchema<Body, unknown> | undefined;
}
