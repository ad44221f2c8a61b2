import type { components } from "./api-types.ts";
import { ApogeeError } from "./apogee-error.ts";
import { BATCH_BYTES_MAX, BATCH_ENTRIES_MAX, type BatchResult, bytesOf } from "./batch.ts";
import type { Clock } from "./clock.ts";
import type { MessageOptions, SendReceipt } from "./send.ts";

type WireEntry = components["schemas"]["Message"];

export interface LingerOptions {
  /** How long a message waits for others. Default 0: for those sent in the same turn of the event loop, or while calls are under way. */
  readonly lingerMs?: number;
  /** A batch with so many messages does not wait. Default and most 100, at least 1. */
  readonly maxMessages?: number;
  /** A batch with so many bytes of bodies does not wait. Default 1 MiB, at most 4 MiB. */
  readonly maxBytes?: number;
  /** Calls at once. Default 4, at least 1. */
  readonly maxInFlight?: number;
  /** With so many bytes of bodies waiting, `send` waits for room first. Default 16 MiB. */
  readonly maxBufferedBytes?: number;
}

interface Waiting {
  readonly entry: WireEntry;
  readonly bytes: number;
  /** Messages that have one in common are never in two calls at once, so they keep their order. */
  readonly orderKeys: readonly string[];
  readonly resolve: (receipt: SendReceipt) => void;
  readonly reject: (error: unknown) => void;
}

export interface LingerWork<Body> {
  readonly clock: Clock;
  encode(body: Body, options: MessageOptions): Promise<WireEntry>;
  send(entries: readonly WireEntry[]): Promise<readonly BatchResult[]>;
}

/**
 * Turns single sends into batches. A message waits in the buffer until its batch is full or the linger is over, then for a call that may
 * begin: there are `maxInFlight` at once, and two that are under way hold no messages of one message group.
 */
export class LingerProducer<Body = unknown> implements AsyncDisposable {
  readonly #work: LingerWork<Body>;
  readonly #options: Required<LingerOptions>;
  /** In the order in which they were sent; those before `#due` have waited long enough. */
  #buffer: Waiting[] = [];
  #due = 0;
  #bytes = 0;
  /** Sends that have not reached the buffer. */
  #arriving: Promise<unknown> = Promise.resolve();
  readonly #inFlight = new Set<Promise<void>>();
  readonly #busyKeys = new Set<string>();
  readonly #forRoom: (() => void)[] = [];
  /** Sends that are neither stored nor failed. */
  readonly #open = new Set<Promise<void>>();
  #isLingering = false;

  constructor(work: LingerWork<Body>, options: LingerOptions = {}) {
    const { lingerMs = 0, maxInFlight = 4, maxBufferedBytes = 16 * 1_024 * 1_024 } = options;
    const { maxMessages = BATCH_ENTRIES_MAX, maxBytes = BATCH_BYTES_MAX / 4 } = options;
    this.#work = work;
    this.#options = {
      lingerMs,
      maxBufferedBytes,
      maxInFlight: Math.max(maxInFlight, 1),
      maxMessages: Math.min(Math.max(maxMessages, 1), BATCH_ENTRIES_MAX),
      maxBytes: Math.min(maxBytes, BATCH_BYTES_MAX),
    };
  }

  /** Resolves when the message is durable. Errors: as a single send. */
  send(body: Body, options: MessageOptions = {}): Promise<SendReceipt> {
    const arrives = this.#arriving.then(async () => {
      const entry = await this.#work.encode(body, options);
      const bytes = bytesOf(entry);
      for (;;) {
        const isFull = (): boolean => this.#bytes > 0 && this.#bytes + bytes > this.#options.maxBufferedBytes;
        if (isFull()) this.#sendAll();
        if (!isFull()) break;
        await new Promise<void>((resolve) => this.#forRoom.push(resolve));
      }
      return { entry, bytes };
    });
    this.#arriving = arrives.catch(() => undefined);
    const sends = arrives.then(
      ({ entry, bytes }) =>
        new Promise<SendReceipt>((resolve, reject) => {
          this.#bytes += bytes;
          this.#buffer.push({ entry, bytes, orderKeys: orderKeysOf(entry), resolve, reject });
          this.#arrived();
        }),
    );
    const end = (): void => void this.#open.delete(ended);
    const ended: Promise<void> = sends.then(end, end);
    this.#open.add(ended);
    return sends;
  }

  /** Sends what waits without lingering. Resolves when every message sent so far has been stored or has failed. */
  async flush(): Promise<void> {
    const open = [...this.#open];
    await this.#arriving;
    this.#sendAll();
    await Promise.all(open);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.flush();
  }

  #arrived(): void {
    const { maxMessages, maxBytes, lingerMs } = this.#options;
    if (this.#buffer.length >= maxMessages || this.#bytes >= maxBytes) this.#sendAll();
    else if (!this.#isLingering) {
      this.#isLingering = true;
      void this.#work.clock.sleep(lingerMs).then(() => {
        this.#isLingering = false;
        this.#sendAll();
      });
    }
  }

  /** Nothing that is there lingers any longer. */
  #sendAll(): void {
    this.#due = this.#buffer.length;
    this.#begin();
  }

  /** Makes calls of what is due, while there are calls to make. */
  #begin(): void {
    while (this.#due > 0 && this.#inFlight.size < this.#options.maxInFlight) {
      const batch = this.#take();
      if (batch.length === 0) return;
      const call = this.#call(batch).finally(() => {
        this.#inFlight.delete(call);
        for (const { orderKeys } of batch) for (const key of orderKeys) this.#busyKeys.delete(key);
        this.#begin();
      });
      this.#inFlight.add(call);
    }
  }

  /** The first that are due, and are not behind a message of their group that stays. */
  #take(): readonly Waiting[] {
    const { maxMessages, maxBytes } = this.#options;
    const taken: Waiting[] = [];
    const passed: Waiting[] = [];
    const passedKeys = new Set<string>();
    let rest: readonly Waiting[] = [];
    let bytes = 0;
    for (const [index, waiting] of this.#buffer.entries()) {
      const isFull = taken.length >= maxMessages || (taken.length > 0 && bytes + waiting.bytes > maxBytes);
      if (isFull || index >= this.#due) {
        rest = this.#buffer.slice(index);
        break;
      }
      if (waiting.orderKeys.some((key) => this.#busyKeys.has(key) || passedKeys.has(key))) {
        for (const key of waiting.orderKeys) passedKeys.add(key);
        passed.push(waiting);
      } else {
        taken.push(waiting);
        bytes += waiting.bytes;
      }
    }
    for (const { orderKeys } of taken) for (const key of orderKeys) this.#busyKeys.add(key);
    this.#buffer = passed.concat(rest);
    this.#due -= taken.length;
    this.#bytes -= bytes;
    for (const wake of this.#forRoom.splice(0)) wake();
    return taken;
  }

  async #call(batch: readonly Waiting[]): Promise<void> {
    try {
      const results = await this.#work.send(batch.map(({ entry }) => entry));
      for (const [index, result] of results.entries()) {
        if (ApogeeError.is(result)) batch[index]?.reject(result);
        else batch[index]?.resolve(result);
      }
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
}

function orderKeysOf({ messageGroup, producerId }: WireEntry): readonly string[] {
  const keys = messageGroup === undefined ? [] : [`group ${messageGroup}`];
  return producerId === undefined ? keys : [...keys, `producer ${producerId}`];
}
