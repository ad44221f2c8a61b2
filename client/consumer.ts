import type { Api } from "./api.ts";
import type { components } from "./api-types.ts";
import { mayPass } from "./apogee-error.ts";
import { Handover } from "./handover.ts";
import type { ReceivedMessage } from "./received-message.ts";
import { assertUsable, RECEIVE_MAX, type ReceiveOptions, Receiver, usable } from "./receiver.ts";
import { backoffMs } from "./retry.ts";
import { type Running, running } from "./running.ts";
import { Settler } from "./settlements.ts";
import type { StandardSchema } from "./standard-schema.ts";
import type { Transport } from "./transport.ts";
import { type HandlerContext, reportError, Worker, type WorkOptions, type WorkShape } from "./worker.ts";

type GroupSettings = components["schemas"]["GroupWithSubscriptions"];
type Handler<Value> = (message: ReceivedMessage<Value>, context: HandlerContext) => unknown;
type BatchHandler<Value> = (messages: readonly ReceivedMessage<Value>[], context: HandlerContext) => unknown;

/** Wraps the handling of each message, such as a span around it. */
export type Around = (message: ReceivedMessage, handle: () => Promise<void>) => Promise<void>;

export interface BatchOptions extends WorkOptions {
  /** 1 to 32. Default 32. */
  readonly maxMessages?: number;
}

/** One that receives the messages of a consumer group, among others. */
export class Consumer<Value = unknown> {
  readonly group: string;
  readonly #transport: Transport;
  readonly #around: Around | undefined;
  readonly #receiver: Receiver<Value>;

  constructor({ transport }: Api, group: string, schema?: StandardSchema<unknown, Value>, around?: Around) {
    this.group = group;
    this.#transport = transport;
    this.#around = around;
    this.#receiver = new Receiver(transport, group, new Settler(transport, group), schema);
  }

  /**
   * Hands each message to the handler. Returning acks it, throwing gives it back with the group's backoff, and `throw new Reject(reason)`
   * makes it a dead letter. Messages of one message group come one after the other. Errors, of the promise: `CONSUMER_GROUP_NOT_FOUND`,
   * `UNAUTHORIZED` and others that polls would get again and again.
   */
  run(handler: Handler<Value>, options: WorkOptions = {}): Running {
    return this.#work(options, ({ ordered }) => ({
      unitMessages: 1,
      laneOf: ({ topic, queueId, messageGroup }) =>
        messageGroup !== null ? `${topic} ${messageGroup}` : ordered ? `${topic} ${queueId}` : undefined,
      handle: async ([message], context) => {
        const one = message as ReceivedMessage<Value>;
        assertUsable(one);
        const handle = async (): Promise<void> => void (await handler(one, context));
        await (this.#around ? this.#around(one, handle) : handle());
      },
    }));
  }

  /** Hands over up to 32 messages at once. What the handler has not settled by hand is acked when it returns, and given back when it throws. */
  eachBatch(
    handler: BatchHandler<Value>,
    { maxMessages = RECEIVE_MAX, concurrency = 1, ...options }: BatchOptions = {},
  ): Running {
    return this.#work({ ...options, concurrency, prefetch: 0 }, () => ({
      unitMessages: maxMessages,
      laneOf: () => undefined,
      handle: async (messages, context) => {
        const given = usable(messages);
        if (given.length > 0) await handler(given, context);
      },
    }));
  }

  /**
   * The messages, one after the other. To ask for the next one acks the one before, unless that was settled by hand. A loop that is left by
   * `break` or by a throw gives back the message it is at.
   */
  async *messages(options: Omit<WorkOptions, "concurrency"> = {}): AsyncGenerator<ReceivedMessage<Value>, void, undefined> {
    const handover = new Handover<ReceivedMessage<Value>>();
    const worker = this.run((message) => handover.offer(message), { ...options, concurrency: 1 });
    worker.then(handover.end, handover.fail);
    try {
      yield* handover.taken();
    } finally {
      await worker.stop();
    }
  }

  /** Receives once. Nothing keeps the leases of what it answers: settle by hand, in time. Errors: `ApogeeError`. */
  async receive(options: ReceiveOptions = {}): Promise<readonly ReceivedMessage<Value>[]> {
    return usable(await this.#receiver.receive(options));
  }

  #work(options: WorkOptions, shapeFor: (group: { ordered: boolean }) => WorkShape<Value>): Running {
    const stopping = new AbortController();
    let worker: Worker<Value> | undefined;
    const stop = (): void => {
      stopping.abort();
      worker?.stop();
    };
    const work = async (): Promise<void> => {
      const group = await this.#readGroup(stopping.signal, options);
      if (group === undefined || stopping.signal.aborted) return;
      const { leaseSeconds = group.leaseSeconds } = options;
      worker = new Worker(this.#receiver, this.#transport.clock, shapeFor(group), { ...options, leaseSeconds });
      await worker.work();
    };
    return running(work, stop, options);
  }

  /** Waits for a broker that is away. `undefined` once it is stopped. Errors: those that do not pass. */
  async #readGroup(signal: AbortSignal, { onError = reportError }: WorkOptions): Promise<GroupSettings | undefined> {
    const { clock, retry } = this.#transport;
    const path = `/v1/groups/${encodeURIComponent(this.group)}`;
    for (let failures = 1; !signal.aborted; failures++) {
      try {
        return await this.#transport.call<GroupSettings>({ method: "get", path, signal });
      } catch (error) {
        if (signal.aborted) return undefined;
        if (!mayPass(error)) throw error;
        onError(error);
        await clock.sleep(backoffMs(retry, failures), signal);
      }
    }
    return undefined;
  }
}
