import { BrokerError } from "../errors.ts";
import { type AppendDependencies, type ChainWrite, type ChainWriteResult, joined } from "./chain-write.ts";
import { ChainWriter } from "./chain-writer.ts";
import { PENDING_BYTES_MAX, UPDATE_FRAME_BYTES_MAX } from "./log-limits.ts";
import type { QueueName } from "./queue.ts";
import type { QueueReader } from "./queue-reader.ts";

type WrittenQueues = Pick<QueueReader, "remember" | "mayHaveGrown">;

interface Pending {
  readonly write: ChainWrite;
  resolve(result: ChainWriteResult): void;
  reject(error: unknown): void;
}

/**
 * Sends to one queue, one write at a time. Messages that arrive meanwhile share the next write (at most 64 KB of frames), and so do those
 * that arrive in one turn of the event loop. In a long-lived process this is the source of throughput. It has no effect in a function that
 * serves one request at a time.
 */
export class QueueAppender {
  readonly #store: AppendDependencies;
  readonly #writer: ChainWriter;
  readonly #queue: QueueName;
  readonly #readers: WrittenQueues;
  #pending: Pending[] = [];
  #pendingBytes = 0;
  #running = false;

  /** `readers` are told of each write. */
  constructor(store: AppendDependencies, queue: QueueName, readers: WrittenQueues) {
    this.#store = store;
    this.#writer = new ChainWriter(store, queue.topicUid, queue.queueId);
    this.#queue = queue;
    this.#readers = readers;
  }

  get idle(): boolean {
    return !this.#running;
  }

  /** Whether messages wait for a write that others may share. One with companions goes alone. */
  get gathers(): boolean {
    const last = this.#pending.at(-1);
    return last !== undefined && last.write.companions === undefined && this.#pendingBytes < UPDATE_FRAME_BYTES_MAX;
  }

  /** Resolves when the write is stored. Errors: TOO_MANY_REQUESTS when 16 MB wait already; `StoreUnavailable`. */
  append(write: ChainWrite): Promise<ChainWriteResult> {
    if (this.#pendingBytes > PENDING_BYTES_MAX) {
      return Promise.reject(
        new BrokerError("TOO_MANY_REQUESTS", "Too many sends wait for this queue. Send less at once, or add queues."),
      );
    }
    return new Promise((resolve, reject) => {
      this.#pending.push({ write, resolve, reject });
      this.#pendingBytes += write.bytes;
      if (!this.#running) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#running = true;
    const { turn } = this.#store;
    for (;;) {
      if (turn && this.#pending.length > 0) await turn();
      const next = this.#take();
      if (!next) break;
      try {
        await this.#write(next);
      } catch (error) {
        this.#readers.mayHaveGrown(this.#queue);
        for (const { reject } of next) reject(error);
      }
    }
    this.#running = false;
  }

  /** The next writes that go together. A write with companions goes alone. */
  #take(): readonly [Pending, ...Pending[]] | undefined {
    let bytes = 0;
    let taken = 0;
    for (const { write } of this.#pending) {
      const alone = write.companions !== undefined;
      if (taken > 0 && (alone || bytes + write.bytes > UPDATE_FRAME_BYTES_MAX)) break;
      bytes += write.bytes;
      taken++;
      if (alone) break;
    }
    this.#pendingBytes -= bytes;
    const [first, ...others] = this.#pending.splice(0, taken);
    return first && [first, ...others];
  }

  async #write(next: readonly [Pending, ...Pending[]]): Promise<void> {
    const [first, ...others] = next;
    const result = await this.#writer.write(joined([first.write, ...others.map(({ write }) => write)]));
    if (result.status === "stored") this.#readers.remember(this.#queue, result.block);
    let before = 0;
    for (const { write, resolve } of next) {
      resolve(result.status === "stored" ? { ...result, offset: result.offset + before } : result);
      before += write.count;
    }
  }
}
