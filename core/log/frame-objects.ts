import { LRUCache } from "lru-cache";
import { toBase64url } from "../bytes/base64url.ts";
import { BrokerError } from "../errors.ts";
import { framesObjectExpiresMs, framesObjectKey } from "../keys.ts";
import { SEND_DEADLINE_MS } from "../limits.ts";
import type { Clock } from "../ports/clock.ts";
import type { Compressor } from "../ports/compressor.ts";
import type { ObjectStore } from "../ports/object-store.ts";
import type { Random } from "../ports/random.ts";
import { StoreCorrupt, StoreUnavailable } from "../ports/store-failures.ts";
import { type BatchFrame, decodeFrame, type PointerFrame } from "./frame.ts";
import { BATCH_CACHE_BYTES, OBJECT_FRAMES_BYTES_MAX, OBJECT_PUTS_PER_CLASS_MAX, PENDING_OBJECT_BYTES_MAX } from "./log-limits.ts";

/** Where a frame lies in the object store. */
export interface FramePlace {
  readonly objectKey: string;
  readonly byteOffset: number;
  readonly byteLength: number;
}

interface Pending {
  readonly frame: Uint8Array;
  resolve(place: FramePlace): void;
  reject(error: unknown): void;
}

const RETRY_MS = { first: 20, most: 1_000 } as const;

/**
 * Batch frames too large for the table, several to an object: what arrives while one is being written shares the next.
 *
 *   object := frame*       each found by the pointer that names its range, and checked by its own CRC
 *
 * An object whose pointer was never written (a crash in between) is deleted by age with the rest of its retention class.
 */
export class FrameObjects {
  readonly #objects: ObjectStore;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #compressor: Compressor;
  readonly #lanes = new Map<number, { pending: Pending[]; running: number }>();
  readonly #batches = new LRUCache<string, BatchFrame>({
    maxSize: BATCH_CACHE_BYTES,
    sizeCalculation: (batch) => batch.records.length + 200,
  });

  #pendingBytes = 0;
  /** Receives that come together share one read. */
  readonly #fetching = new Map<string, Promise<BatchFrame | undefined>>();

  constructor(store: {
    readonly objects: ObjectStore;
    readonly clock: Clock;
    readonly random: Random;
    readonly compressor: Compressor;
  }) {
    this.#objects = store.objects;
    this.#clock = store.clock;
    this.#random = store.random;
    this.#compressor = store.compressor;
  }

  /** Resolves once the frame is durable. Errors: TOO_MANY_REQUESTS when 64 MB wait already; `StoreUnavailable`. */
  put(frame: Uint8Array, classDays: number): Promise<FramePlace> {
    const lane = this.#lanes.get(classDays) ?? { pending: [], running: 0 };
    this.#lanes.set(classDays, lane);
    const { pending } = lane;
    if (this.#pendingBytes > PENDING_OBJECT_BYTES_MAX) {
      return Promise.reject(
        new BrokerError("TOO_MANY_REQUESTS", "Too many large sends wait for the object store. Send less at once."),
      );
    }
    this.#pendingBytes += frame.length;
    return new Promise((resolve, reject) => {
      pending.push({ frame, resolve, reject });
      if (lane.running < OBJECT_PUTS_PER_CLASS_MAX) void this.#run(lane, classDays);
    });
  }

  /**
   * The batch a pointer names; `undefined` when its object went by age: its messages have expired, though appends and touches
   * gave their block a longer life. Errors: `StoreCorrupt` when it is gone earlier or is not that batch.
   */
  async get(pointer: PointerFrame): Promise<BatchFrame | undefined> {
    const cacheKey = `${pointer.objectKey}:${pointer.byteOffset}`;
    const cached = this.#batches.get(cacheKey) ?? this.#fetching.get(cacheKey);
    if (cached) return cached;
    const fetching = this.#fetch(pointer).finally(() => this.#fetching.delete(cacheKey));
    this.#fetching.set(cacheKey, fetching);
    const batch = await fetching;
    if (batch) this.#batches.set(cacheKey, batch);
    return batch;
  }

  async #fetch(pointer: PointerFrame): Promise<BatchFrame | undefined> {
    const bytes = await this.#objects.getRange(pointer.objectKey, pointer.byteOffset, pointer.byteLength);
    if (!bytes && framesObjectExpiresMs(pointer.objectKey) <= this.#clock.nowMs()) return undefined;
    if (!bytes) throw new StoreCorrupt(`object ${pointer.objectKey} is gone while a block points at it`);
    const frame = decodeFrame(bytes, this.#compressor);
    if (frame.kind !== "batch" || frame.count !== pointer.count)
      throw new StoreCorrupt(`object ${pointer.objectKey} is not what its pointer says`);
    return frame;
  }

  async #run(lane: { pending: Pending[]; running: number }, classDays: number): Promise<void> {
    lane.running++;
    while (lane.pending.length > 0) {
      let bytes = 0;
      const fitting = lane.pending.findIndex(({ frame }, index) => {
        bytes += frame.length;
        return index > 0 && bytes > OBJECT_FRAMES_BYTES_MAX;
      });
      const together = lane.pending.splice(0, fitting < 0 ? lane.pending.length : fitting);
      for (const { frame } of together) this.#pendingBytes -= frame.length;
      try {
        await this.#putTogether(together, classDays);
      } catch (error) {
        for (const { reject } of together) reject(error);
      }
    }
    lane.running--;
  }

  async #putTogether(together: readonly Pending[], classDays: number): Promise<void> {
    const objectKey = framesObjectKey(classDays, this.#clock.nowMs(), toBase64url(this.#random.bytes(9)));
    const bytes = concatenate(together.map(({ frame }) => frame));
    await this.#putDurably(objectKey, bytes);
    let byteOffset = 0;
    for (const { frame, resolve } of together) {
      resolve({ objectKey, byteOffset, byteLength: frame.length });
      byteOffset += frame.length;
    }
  }

  /** The key is used once and the bytes never differ, so a put whose reply was lost is simply repeated. */
  async #putDurably(objectKey: string, bytes: Uint8Array): Promise<void> {
    const deadlineMs = this.#clock.nowMs() + SEND_DEADLINE_MS;
    for (let failures = 0; ; failures++) {
      try {
        await this.#objects.put(objectKey, bytes);
        return;
      } catch (error) {
        if (!StoreUnavailable.is(error) || error.reason === "full" || this.#clock.nowMs() >= deadlineMs) throw notApplied(error);
        await this.#clock.sleep(Math.min(RETRY_MS.most, RETRY_MS.first * 2 ** failures) * (0.5 + this.#random.fraction() / 2));
      }
    }
  }
}

/** An object without a pointer is nothing: whatever became of the put, the send did not happen. */
function notApplied(error: unknown): unknown {
  if (!StoreUnavailable.is(error)) return error;
  return new StoreUnavailable("not-applied", error.reason, error.message, { cause: error });
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts;
  if (only && parts.length === 1) return only;
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
