import { LRUCache } from "lru-cache";
import { toBase64url } from "../bytes/base64url.ts";
import { BrokerError } from "../errors.ts";
import { framesObjectExpiresMs, framesObjectKey, retentionClassDays } from "../keys.ts";
import { SEND_DEADLINE_MS } from "../limits.ts";
import type { Clock } from "../ports/clock.ts";
import type { Compressor } from "../ports/compressor.ts";
import type { ObjectStore } from "../ports/object-store.ts";
import type { Random } from "../ports/random.ts";
import { StoreCorrupt, StoreUnavailable } from "../ports/store-failures.ts";
import { retryPauseMs } from "../store/retry-pause.ts";
import { StoreFormat } from "../store/store-format.ts";
import { type BatchFrame, decodeFrame, frameWeight, type PointerFrame } from "./frame.ts";
import {
  BATCH_CACHE_BYTES,
  OBJECT_FRAMES_BYTES_MAX,
  OBJECT_PAGE_BYTES,
  OBJECT_PUTS_PER_CLASS_MAX,
  PENDING_OBJECT_BYTES_MAX,
} from "./log-limits.ts";
import { objectExpiryOf } from "./retention.ts";

/** Where a frame lies in the object store, and its weight, which pointers of format 2 cannot say. */
export type FramePointer = Pick<PointerFrame, "objectKey" | "byteOffset" | "byteLength" | "unpackedBytes">;

interface Pending {
  readonly frame: Uint8Array;
  /** It may be read for so long. */
  readonly lifeHours: number;
  /** The put fails if the frame is not durable by then. */
  readonly untilMs: number;
  resolve(pointer: FramePointer): void;
  reject(error: unknown): void;
}

interface Range {
  readonly key: string;
  readonly from: number;
  readonly length: number;
}

/** The bytes that one read returned of an object, and the batches found in them so far. */
interface Part {
  readonly key: string;
  readonly from: number;
  readonly bytes: Uint8Array;
  readonly batches: Map<number, BatchFrame>;
  /** Bytes of batches that were packed: they are copies, not views of `bytes`. */
  unpackedBytes: number;
}

const OBJECT_RETRY_MS = { first: 20, most: 1_000 } as const;

/**
 * Batch frames too large for the table, several to an object: frames that arrive while one object is being written share the next.
 *
 *   object := frame*       each found by the pointer that names its range, and checked by its own CRC
 *
 * Objects are read in pages of 64 KB: neighbouring batches were sent together, and are often read next. A batch that is larger, or lies
 * across two pages, is read alone. The pages read last are kept (16 MB).
 *
 * An object whose pointer was never written (a crash in between) expires with the rest of its retention class.
 */
export class FrameObjects {
  readonly #objects: ObjectStore;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #compressor: Compressor;
  readonly #format: StoreFormat;
  readonly #lanes = new Map<number, { pending: Pending[]; running: number }>();
  readonly #parts = new LRUCache<string, Part>({
    maxSize: BATCH_CACHE_BYTES,
    sizeCalculation: ({ bytes, unpackedBytes }) => bytes.length + unpackedBytes + 200,
  });

  #pendingBytes = 0;
  readonly #fetching = new Map<string, Promise<Part | undefined>>();

  constructor(store: {
    readonly objects: ObjectStore;
    readonly clock: Clock;
    readonly random: Random;
    readonly compressor: Compressor;
    readonly format?: StoreFormat;
  }) {
    this.#objects = store.objects;
    this.#clock = store.clock;
    this.#random = store.random;
    this.#compressor = store.compressor;
    this.#format = store.format ?? new StoreFormat();
  }

  /**
   * Resolves once the frame is durable, for `lifeHours` at least, and has failed by `untilMs`: whoever waits has other calls to make in the time of a request.
   * Errors: TOO_MANY_REQUESTS when 64 MB wait already; `StoreUnavailable`, not applied.
   */
  put(frame: Uint8Array, lifeHours: number, untilMs = this.#clock.nowMs() + SEND_DEADLINE_MS): Promise<FramePointer> {
    const classDays = retentionClassDays(lifeHours);
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
      pending.push({ frame, lifeHours, untilMs, resolve, reject });
      if (lane.running < OBJECT_PUTS_PER_CLASS_MAX) void this.#run(lane, classDays);
    });
  }

  /** The batch that a pointer names, if it was unpacked recently. */
  known(pointer: PointerFrame): BatchFrame | undefined {
    return this.#parts.get(rangeOf(pointer).key)?.batches.get(pointer.byteOffset);
  }

  /**
   * The batch that a pointer names. `undefined` if the object has expired: its messages have too, even if appends and touches prolonged
   * the life of their block. Bytes that do not decode are read once more, since they may have been garbled on the way.
   * Errors: `StoreCorrupt` if the object is gone earlier or is not that batch; `StoreUnavailable`.
   */
  async get(pointer: PointerFrame): Promise<BatchFrame | undefined> {
    try {
      return await this.#get(pointer);
    } catch (error) {
      if (!StoreCorrupt.is(error)) throw error;
      return this.#get(pointer);
    }
  }

  /**
   * Bytes of the records, unpacked, of the batch that a pointer names, without unpacking it: for pointers that do not say. An
   * unreadable batch weighs nothing. Errors: `StoreUnavailable`.
   */
  async weigh(pointer: PointerFrame): Promise<number> {
    try {
      const part = await this.#part(pointer);
      if (!part) return 0;
      const start = pointer.byteOffset - part.from;
      return frameWeight(part.bytes.subarray(start, start + pointer.byteLength));
    } catch (error) {
      if (StoreCorrupt.is(error)) return 0;
      throw error;
    }
  }

  async #get(pointer: PointerFrame): Promise<BatchFrame | undefined> {
    const part = await this.#part(pointer);
    return part && this.#batchIn(part, pointer);
  }

  /** Concurrent receives share one read. */
  #part(pointer: PointerFrame): Promise<Part | undefined> | Part {
    const range = rangeOf(pointer);
    const { key } = range;
    const known = this.#parts.get(key);
    if (known) return known;
    const fetching = this.#fetching.get(key) ?? this.#fetch(pointer, range).finally(() => this.#fetching.delete(key));
    this.#fetching.set(key, fetching);
    return fetching;
  }

  async #fetch(pointer: PointerFrame, range: Range): Promise<Part | undefined> {
    const { objectKey } = pointer;
    const bytes = await this.#objects.getRange(objectKey, range.from, range.length);
    if (!bytes && framesObjectExpiresMs(objectKey) <= this.#clock.nowMs()) return undefined;
    if (!bytes) throw new StoreCorrupt(`object ${objectKey} is gone while a block points at it`);
    const part = {
      key: range.key,
      from: range.from,
      bytes,
      batches: new Map<number, BatchFrame>(),
      unpackedBytes: 0,
    };
    this.#parts.set(part.key, part);
    return part;
  }

  #batchIn(part: Part, { objectKey, byteOffset, byteLength, count }: PointerFrame): BatchFrame {
    const known = part.batches.get(byteOffset);
    if (known) return known;
    const start = byteOffset - part.from;
    try {
      const frame = decodeFrame(part.bytes.subarray(start, start + byteLength), this.#compressor);
      if (frame.kind !== "batch" || frame.count !== count)
        throw new StoreCorrupt(`object ${objectKey} is not what its pointer says`);
      part.batches.set(byteOffset, frame);
      if (frame.records.buffer !== part.bytes.buffer) {
        part.unpackedBytes += frame.records.length;
        this.#parts.set(part.key, part);
      }
      return frame;
    } catch (error) {
      // Bytes that were garbled on the way are not kept.
      this.#parts.delete(part.key);
      throw error;
    }
  }

  async #run(lane: { pending: Pending[]; running: number }, classDays: number): Promise<void> {
    lane.running++;
    // One send puts a frame for each of its queues in the same turn of the event loop. So they share an object.
    await undefined;
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
        // The earliest deadline has passed. Frames with time left are put again without that one.
        for (const one of together) {
          if (StoreUnavailable.is(error) && error.reason !== "full" && one.untilMs > this.#clock.nowMs()) this.#again(one, lane);
          else one.reject(notApplied(error));
        }
      }
    }
    lane.running--;
  }

  #again(one: Pending, { pending }: { readonly pending: Pending[] }): void {
    this.#pendingBytes += one.frame.length;
    pending.push(one);
  }

  async #putTogether(together: readonly Pending[], classDays: number): Promise<void> {
    const nowMs = this.#clock.nowMs();
    const expiresMs = objectExpiryOf(nowMs, Math.max(...together.map(({ lifeHours }) => lifeHours)));
    const objectKey = framesObjectKey(classDays, expiresMs, nowMs, toBase64url(this.#random.bytes(9)));
    const bytes = concatenate(together.map(({ frame }) => frame));
    await this.#putDurably(objectKey, bytes, Math.min(...together.map(({ untilMs }) => untilMs)));
    let byteOffset = 0;
    for (const { frame, resolve } of together) {
      const unpackedBytes = this.#format.version >= 3 ? frameWeight(frame) : undefined;
      resolve({ objectKey, byteOffset, byteLength: frame.length, unpackedBytes });
      byteOffset += frame.length;
    }
  }

  /** The key is used once and always for the same bytes, so a put whose reply was lost is repeated. */
  async #putDurably(objectKey: string, bytes: Uint8Array, untilMs: number): Promise<void> {
    for (let failures = 0; ; failures++) {
      const leftMs = untilMs - this.#clock.nowMs();
      if (leftMs <= 0) throw new StoreUnavailable("not-applied", "unavailable", `object ${objectKey} was not stored in time`);
      try {
        await this.#objects.put(objectKey, bytes, { withinMs: leftMs });
        return;
      } catch (error) {
        if (!StoreUnavailable.is(error) || error.reason === "full" || this.#clock.nowMs() >= untilMs) throw error;
        const pauseMs = retryPauseMs(OBJECT_RETRY_MS, failures, this.#random.fraction());
        await this.#clock.sleep(Math.min(pauseMs, untilMs - this.#clock.nowMs()));
      }
    }
  }
}

/** Whatever became of the put, the send did not happen: an object without a pointer has no effect. */
function notApplied(error: unknown): unknown {
  if (!StoreUnavailable.is(error)) return error;
  return new StoreUnavailable("not-applied", error.reason, error.message, { cause: error });
}

// A pointer is decoded once, but every receive that passes asks for its range.
const ranges = new WeakMap<PointerFrame, Range>();

/** The range to read for a pointer: its page, or exactly the bytes that it names. */
function rangeOf(pointer: PointerFrame): Range {
  const known = ranges.get(pointer);
  if (known) return known;
  const { objectKey, byteOffset, byteLength } = pointer;
  const page = byteOffset - (byteOffset % OBJECT_PAGE_BYTES);
  const inside = byteOffset + byteLength <= page + OBJECT_PAGE_BYTES;
  const [from, length] = inside ? [page, OBJECT_PAGE_BYTES] : [byteOffset, byteLength];
  const range = { key: `${objectKey}:${from}+${length}`, from, length };
  ranges.set(pointer, range);
  return range;
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
