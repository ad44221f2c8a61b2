import { type Block, nextBase } from "../log/block.ts";
import { StoreMisuse } from "../ports/store-failures.ts";
import { PageWriter } from "./page-writer.ts";
import { type Piece, piecesOf } from "./pieces.ts";
import type { PageEntry, SegmentRun } from "./segment-format.ts";
import type { PageSettings } from "./segment-limits.ts";

/** Whose run it is. A segment says the topic's name for whoever has nothing but the segment. */
export type RunQueue = Pick<SegmentRun, "topicUid" | "topic" | "queueId">;

/** Where in the segment a page that was handed over begins. */
export type TakePage = (page: Uint8Array) => number;

/** Makes pages of a queue's blocks, one after the other; only the last one is in memory. */
export class RunWriter {
  readonly queue: RunQueue;
  readonly base: number;
  readonly #take: TakePage;
  readonly #sizes: PageSettings;
  readonly #pages: PageEntry[] = [];
  #page: PageWriter;
  #next: number;
  #storedFromMs = Number.POSITIVE_INFINITY;
  #storedUntilMs = 0;

  constructor(queue: RunQueue, base: number, take: TakePage, sizes: PageSettings) {
    this.queue = queue;
    this.base = base;
    this.#take = take;
    this.#sizes = sizes;
    this.#next = base;
    this.#page = this.#pageAt(base);
  }

  /** The offset behind its last message. */
  get next(): number {
    return this.#next;
  }

  /** Of the page that is not handed over yet. */
  get pendingBytes(): number {
    return this.#page.bytes;
  }

  get pagesStarted(): number {
    return this.#pages.length + 1;
  }

  /** The store time of its oldest message. */
  get storedFromMs(): number {
    return this.#storedFromMs;
  }

  /** The block that begins where the one before ended. Errors: `StoreMisuse` for another, or one without a message or a time. */
  append(block: Block): void {
    const { base, count, storedFromMs } = block;
    if (base !== this.#next) throw new StoreMisuse(`a block at ${base} in a run whose next offset is ${this.#next}`);
    if (count < 1 || !isTime(storedFromMs))
      throw new StoreMisuse(`a block of ${count} messages from ${storedFromMs} on in a segment`);
    for (const piece of piecesOf(block)) this.#add(piece);
    this.#next = nextBase(block);
  }

  #add(piece: Piece): void {
    if (this.#page.endsBefore(piece)) this.#endPage();
    this.#page.add(piece);
    this.#storedFromMs = Math.min(this.#storedFromMs, piece.storedFromMs);
    this.#storedUntilMs = Math.max(this.#storedUntilMs, piece.storedFromMs);
  }

  #endPage(): void {
    const { base, count } = this.#page;
    const page = this.#page.encode();
    const byteOffset = this.#take(page);
    this.#pages.push({ base, count, byteOffset, byteLength: page.length, storedUntilMs: this.#storedUntilMs });
    this.#page = this.#pageAt(base + count);
  }

  /** Hands over the last page. Once; nothing can be appended behind it. */
  end(): SegmentRun {
    this.#endPage();
    const { base, storedFromMs } = this;
    const [storedUntilMs, pages] = [this.#storedUntilMs, this.#pages];
    return { ...this.queue, base, count: this.#next - base, storedFromMs, storedUntilMs, pages };
  }

  #pageAt(base: number): PageWriter {
    const { topicUid, queueId } = this.queue;
    return new PageWriter({ topicUid, queueId, base }, this.#sizes);
  }
}

/** Whether a u48 holds it. */
const isTime = (ms: number): boolean => Number.isSafeInteger(ms) && ms >= 0 && ms < 2 ** 48;
