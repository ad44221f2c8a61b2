import { ByteWriter } from "../bytes/byte-writer.ts";
import { crc32c } from "../bytes/crc32c.ts";
import type { Block } from "../log/block.ts";
import { KEY_HASH_MAX } from "../message/key-hash.ts";
import { StoreMisuse } from "../ports/store-failures.ts";
import { encodeDirectory, runBytesMax } from "./directory.ts";
import { compareKeys, encodeKeys, type KeyEntry, keySectionBytes } from "./key-section.ts";
import { type RunQueue, RunWriter } from "./run-writer.ts";
import { SEGMENT_HEAD, type SegmentRun } from "./segment-format.ts";
import { PAGE_SETTINGS, type PageSettings, SEGMENT_BYTES_MAX, SEGMENT_RUNS_MAX } from "./segment-limits.ts";
import { encodeTrailer, TRAILER_BYTES } from "./trailer.ts";

/** An object that is ready to be stored, and what it holds. */
export interface Segment {
  readonly object: Uint8Array;
  readonly runs: readonly SegmentRun[];
  /** Where its keys are in the object. */
  readonly keys: { readonly byteOffset: number; readonly count: number; readonly lowestHash: number };
  /** Its keys, in order, where the object has no room for them. */
  readonly keysLeft: readonly KeyEntry[];
}

/**
 * Puts a segment together: the blocks of a queue in order, then those of another. All it holds is the object so far and one page;
 * whoever writes looks at `bytesMax` and ends it in time.
 */
export class SegmentWriter {
  readonly #sizes: PageSettings;
  readonly #out: ByteWriter;
  readonly #runs: SegmentRun[] = [];
  readonly #keys: KeyEntry[] = [];
  #run: RunWriter | undefined;
  /** The most that the directory takes for the runs that are ended. */
  #runsBytesMax = 0;

  /** `bytesAbout`: how large the object will be. */
  constructor(sizes = PAGE_SETTINGS, bytesAbout = 0) {
    this.#sizes = sizes;
    this.#out = new ByteWriter(Math.max(SEGMENT_HEAD.length, bytesAbout));
    this.#out.raw(SEGMENT_HEAD);
  }

  /** Bytes of the object, if it is ended now, at most. */
  get bytesMax(): number {
    const run = this.#run;
    const running = run ? run.pendingBytes + runBytesMax(run.queue, run.pagesStarted) : 0;
    return this.#out.length + running + keySectionBytes(this.#keys.length) + this.#runsBytesMax + 8 + TRAILER_BYTES;
  }

  /**
   * A full block of a queue, behind those before. Another queue, or a gap, begins a run.
   * Errors: `StoreMisuse` for a block that was passed, or is none; for more runs or bytes than a segment has room for.
   */
  append(queue: RunQueue, block: Block): void {
    this.#runAt(queue, block.base).append(block);
    const bytes = this.bytesMax - keySectionBytes(this.#keys.length);
    if (bytes > SEGMENT_BYTES_MAX) throw new StoreMisuse(`a segment of ${bytes} bytes; the limit is ${SEGMENT_BYTES_MAX}`);
  }

  /** That a message of the queue appended last has a key. Errors: `StoreMisuse` for an offset or a time that is not in its run. */
  addKey(hash: number, offset: number, storedAtMs: number): void {
    const run = this.#run;
    const fits = run && offset >= run.base && offset < run.next && storedAtMs >= run.storedFromMs;
    if (!fits || hash < 0 || hash > KEY_HASH_MAX)
      throw new StoreMisuse(`a key ${hash} of offset ${offset} at ${storedAtMs} is not of the run being written`);
    this.#keys.push({ hash, storedAtMs, queueId: run.queue.queueId, offset });
  }

  /** Once; the writer is then done with. Errors: `StoreMisuse` where nothing was appended, or too much. */
  end(): Segment {
    this.#endRun();
    const storedFromMs = Math.min(...this.#runs.map((run) => run.storedFromMs));
    if (this.#runs.length === 0) throw new StoreMisuse("a segment of nothing");
    const sorted = this.#keys.sort(compareKeys);
    const hasRoom = this.bytesMax <= SEGMENT_BYTES_MAX;
    const keys = encodeKeys(hasRoom ? sorted : []);
    const directory = encodeDirectory(this.#runs);
    const out = this.#out;
    const byteOffset = out.length;
    const trailer = encodeTrailer({
      keys: { byteOffset, byteLength: keys.length },
      directory: { byteOffset: byteOffset + keys.length, byteLength: directory.length, checksum: crc32c(directory) },
      storedFromMs,
    });
    for (const part of [keys, directory, trailer]) out.raw(part);
    if (out.length > SEGMENT_BYTES_MAX)
      throw new StoreMisuse(`a segment of ${out.length} bytes; the limit is ${SEGMENT_BYTES_MAX}`);
    const place = { byteOffset, count: hasRoom ? sorted.length : 0, lowestHash: sorted[0]?.hash ?? KEY_HASH_MAX };
    return { object: out.view(), runs: this.#runs, keys: place, keysLeft: hasRoom ? [] : sorted };
  }

  #runAt(queue: RunQueue, base: number): RunWriter {
    const run = this.#run;
    if (run && run.queue.topicUid === queue.topicUid && run.queue.queueId === queue.queueId && run.next >= base) return run;
    this.#endRun();
    if (this.#runs.length === SEGMENT_RUNS_MAX) throw new StoreMisuse(`more than ${SEGMENT_RUNS_MAX} runs in a segment`);
    const { topicUid, topic, queueId } = queue;
    this.#run = new RunWriter({ topicUid, topic, queueId }, base, (page) => this.#takePage(page), this.#sizes);
    return this.#run;
  }

  #endRun(): void {
    if (!this.#run) return;
    const run = this.#run.end();
    this.#run = undefined;
    this.#runs.push(run);
    this.#runsBytesMax += runBytesMax(run, run.pages.length);
  }

  #takePage(page: Uint8Array): number {
    const byteOffset = this.#out.length;
    this.#out.raw(page);
    return byteOffset;
  }
}
