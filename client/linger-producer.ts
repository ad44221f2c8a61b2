import type { components } from "./api-types.ts";
import { ApogeeError } from "./apogee-error.ts";
import { BATCH_BYTES_MAX, BATCH_ENTRIES_MAX, type BatchResult } from "./batch.ts";
import type { Clock } from "./clock.ts";
import type { MessageOptions, SendReceipt } from "./send.ts";

type WireEntry = components["schemas"]["Message"];

export interface LingerOptions {
  /** How long a message waits for others. Default 0: for those sent in the same turn of the event loop, or while calls are under way. */
  readonly lingerMs?: number;
  /** A batch with so many messages does not wait. Default and most 100. */
  readonly maxMessages?: number;
  /** A batch with so many bytes of bodies does not wait. Default 1 MiB, at most 4 MiB. */
  readonly maxBytes?: number;
  /** Calls at once. Default 4. */
  readonly maxInFlight?: number;
  /** With so many bytes of bodies waiting, `send` waits for room first. Default 16 MiB. */
  readonly maxBufferedBytes?: number;
}

interface Waiting {
  readonly entry: WireEntry;
  readonly bytes: number;
  /** Messages with one key are never in two calls at once, so they keep their order. */
  readonly orderKey: string | undefined;
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
  #isLingering = false;

  constructor(work: LingerWork<Body>, options: LingerOptions = {}) {
    const { lingerMs = 0, maxInFlight = 4, maxBufferedBytes = 16 * 1_024 * 1_024 } = options;
    const maxMessages = Math.min(options.maxMessages ?? BATCH_ENTRIES_MAX, BATCH_ENTRIES_MAX);
    const maxBytes = Math.min(options.maxBytes ?? BATCH_BYTES_MAX / 4, BATCH_BYTES_MAX);
    this.#work = work;
    this.#options = { lingerMs, maxInFlight, maxBufferedBytes, maxMessages, maxBytes };
  }

  /** Resolves when the message is durable. Errors: as a single send. */
  send(body: Body, options: MessageOptions = {}): Promise<SendReceipt> {
    const arrives = this.#arriving.then(async () => {
      const entry = await this.#work.encode(body, options);
      const bytes = bytesOf(entry);
      while (this.#bytes > 0 && this.#bytes + bytes > this.#options.maxBufferedBytes) await this.#room();
      return { entry, bytes };
    });
    this.#arriving = arrives.catch(() => undefined);
    return arrives.then(
      ({ entry, bytes }) =>
        new Promise<SendReceipt>((resolve, reject) => {
          this.#bytes += bytes;
          this.#buffer.push({ entry, bytes, orderKey: entry.messageGroup ?? entry.producerId, resolve, reject });
          this.#arrived();
        }),
    );
  }

  /** Sends what waits without lingering. Resolves when every message sent so far has been stored or has failed. */
  async flush(): Promise<void> {
    await this.#arriving;
    this.#due = this.#buffer.length;
    this.#begin();
    while (this.#inFlight.size > 0) await Promise.race(this.#inFlight);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.flush();
  }

  #arrived(): void {
    const { maxMessages, maxBytes, lingerMs } = this.#options;
    if (this.#buffer.length >= maxMessages || this.#bytes >= maxBytes) {
      this.#due = this.#buffer.length;
      this.#begin();
    } else if (!this.#isLingering) {
      this.#isLingering = true;
      void this.#work.clock.sleep(lingerMs).then(() => {
        this.#isLingering = false;
        this.#due = this.#buffer.length;
        this.#begin();
      });
    }
  }

  /** Makes calls of what is due, while there are calls to make. */
  #begin(): void {
    while (this.#due > 0 && this.#inFlight.size < this.#options.maxInFlight) {
      const batch = this.#take();
      if (batch.length === 0) return;
      const call = this.#call(batch).finally(() => {
        this.#inFlight.delete(call);
        for (const { orderKey } of batch) if (orderKey !== undefined) this.#busyKeys.delete(orderKey);
        this.#begin();
      });
      this.#inFlight.add(call);
    }
  }

  /** The first that are due, and are not behind a message of their group that stays. */
  #take(): readonly Waiting[] {
    const { maxMessages, maxBytes } = this.#options;
    const taken: Waiting[] = [];
    const left: Waiting[] = [];
    const passedKeys = new Set<string>();
    let bytes = 0;
    let dueLeft = 0;
    for (const [index, waiting] of this.#buffer.entries()) {
      const { orderKey } = waiting;
      const isDue = index < this.#due;
      const isFull = taken.length >= maxMessages || (taken.length > 0 && bytes + waiting.bytes > maxBytes);
      const isHeld = orderKey !== undefined && (this.#busyKeys.has(orderKey) || passedKeys.has(orderKey));
      if (isDue && !isFull && !isHeld) {
        taken.push(waiting);
        bytes += waiting.bytes;
        continue;
      }
      if (orderKey !== undefined) passedKeys.add(orderKey);
      left.push(waiting);
      if (isDue) dueLeft++;
    }
    for (const { orderKey } of taken) if (orderKey !== undefined) this.#busyKeys.add(orderKey);
    this.#buffer = left;
    this.#due = dueLeft;
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

  #room(): Promise<void> {
    this.#due = this.#buffer.length;
    this.#begin();
    return new Promise((resolve) => this.#forRoom.push(resolve));
  }
}

/** Of the body, and a little for the rest: what is not text is counted as its JSON. */
function bytesOf({ body }: WireEntry): number {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  // A character takes one to three bytes. Counting them would take longer than the difference is worth.
  return text.length + 64;
}
