import { toBase64url } from "../bytes/base64url.ts";
import { BrokerError } from "../errors.ts";
import type { Item } from "../ports/item-store.ts";
import type { Random } from "../ports/random.ts";
import type { Block } from "./block.ts";
import type { AppendDependencies, Companions } from "./chain-write.ts";
import { ChainWriter } from "./chain-writer.ts";
import { PENDING_BYTES_MAX, UPDATE_FRAME_BYTES_MAX } from "./log-limits.ts";

/** One frame on its way into a queue. */
export interface FrameAppend {
  readonly frame: Uint8Array;
  readonly frameId: Uint8Array;
  readonly count: number;
  readonly storedAtMs: number;
  readonly retentionHours: number;
  /** As in `ChainWrite`. */
  readonly giveUpAtMs?: number | undefined;
  /** Writes of the same transaction, if any: such an append travels alone. */
  readonly companions?: Companions | undefined;
}

export type AppendResult =
  | { readonly status: "stored"; readonly offset: number; readonly lostRaces: number }
  | { readonly status: "refused"; readonly currents: readonly ({ readonly current: Item | undefined } | undefined)[] };

interface Pending {
  readonly append: FrameAppend;
  resolve(result: AppendResult): void;
  reject(error: unknown): void;
}

/**
 * Sends to one queue, one write at a time; what arrives meanwhile goes together in the next one (at most 64 KB of frames). In a
 * long-lived process that is where throughput comes from; in a function with one request at a time it does nothing.
 */
export class QueueAppender {
  readonly #writer: ChainWriter;
  readonly #random: Random;
  readonly #onStored: (block: Block) => void;
  #pending: Pending[] = [];
  #pendingBytes = 0;
  #running = false;

  constructor(
    store: AppendDependencies,
    queue: { readonly topicUid: string; readonly queueId: number },
    onStored: (block: Block) => void,
  ) {
    this.#writer = new ChainWriter(store, queue.topicUid, queue.queueId);
    this.#random = store.random;
    this.#onStored = onStored;
  }

  get idle(): boolean {
    return !this.#running;
  }

  /** Resolves when the frame is stored. Errors: TOO_MANY_REQUESTS when 16 MB wait already; `StoreUnavailable`. */
  append(append: FrameAppend): Promise<AppendResult> {
    if (this.#pendingBytes > PENDING_BYTES_MAX) {
      return Promise.reject(
        new BrokerError("TOO_MANY_REQUESTS", "Too many sends wait for this queue. Send less at once, or add queues."),
      );
    }
    return new Promise((resolve, reject) => {
      this.#pending.push({ append, resolve, reject });
      this.#pendingBytes += append.frame.length;
      if (!this.#running) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#pending.length > 0) {
      const together = this.#take();
      try {
        await this.#write(together);
      } catch (error) {
        for (const { reject } of together) reject(error);
      }
    }
    this.#running = false;
  }

  #take(): Pending[] {
    let bytes = 0;
    let taken = 0;
    for (const { append } of this.#pending) {
      const alone = append.companions !== undefined;
      if (taken > 0 && (alone || bytes + append.frame.length > UPDATE_FRAME_BYTES_MAX)) break;
      bytes += append.frame.length;
      taken++;
      if (alone) break;
    }
    this.#pendingBytes -= bytes;
    return this.#pending.splice(0, taken);
  }

  async #write(together: readonly Pending[]): Promise<void> {
    const appends = together.map(({ append }) => append);
    const [first] = appends;
    if (!first) return;
    const result = await this.#writer.write({
      id: toBase64url(this.#random.bytes(6)),
      frames: appends.map(({ frame }) => frame),
      firstFrameId: first.frameId,
      count: appends.reduce((sum, { count }) => sum + count, 0),
      bytes: appends.reduce((sum, { frame }) => sum + frame.length, 0),
      storedAtMs: appends.reduce((latest, { storedAtMs }) => Math.max(latest, storedAtMs), 0),
      retentionHours: appends.reduce((longest, { retentionHours }) => Math.max(longest, retentionHours), 0),
      giveUpAtMs: latest(appends.map(({ giveUpAtMs }) => giveUpAtMs)),
      companions: first.companions,
    });
    if (result.status === "refused") {
      for (const { resolve } of together) resolve(result);
      return;
    }
    this.#onStored(result.block);
    const { lostRaces } = result;
    let { offset } = result;
    for (const { append, resolve } of together) {
      resolve({ status: "stored", offset, lostRaces });
      offset += append.count;
    }
  }
}

/** The latest of all; none where one has none. */
const latest = (times: readonly (number | undefined)[]): number | undefined =>
  times.reduce((one, other) => (one === undefined || other === undefined ? undefined : Math.max(one, other)));
