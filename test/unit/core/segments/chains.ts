import { MemoryObjectStore } from "../../../../adapters/memory/memory-object-store.ts";
import { type Block, nextBase } from "../../../../core/log/block.ts";
import { damagedBlock } from "../../../../core/log/damaged-block.ts";
import { encodeBatch, encodePointer } from "../../../../core/log/frame.ts";
import { FrameObjects } from "../../../../core/log/frame-objects.ts";
import { FrameReader } from "../../../../core/log/frame-reader.ts";
import { messagesOf } from "../../../../core/log/run-messages.ts";
import { slicesOf } from "../../../../core/log/slices.ts";
import { makeFrameId } from "../../../../core/message/message-id.ts";
import type { MessageRecord } from "../../../../core/message/record-codec.ts";
import { deflateCompressor as compressor } from "../../../../functions/runtime/compressor.ts";
import { ManualClock } from "../../../support/clocks/manual-clock.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";

export const NOW_MS = 1_800_000_000_000;
export const QUEUE = { topicUid: "AbCdEf01", topic: "orders", queueId: 3 };
export const EXPIRES_AT_SECONDS = 1_900_000_000;
export const OBJECT_KEY = "log/r4/30000100/001800000000000-abcdefghijkl.seg";

/** One send of a chain. */
export interface Sent {
  /** Messages, each of so many bytes. */
  readonly count: number;
  readonly bodyBytes: number;
  /** When it was encoded; clocks of senders differ, so a later send may say less. */
  readonly afterMs: number;
  /** Its batch is in an object, and that was stored so much later. */
  readonly pointerAfterMs?: number | undefined;
  /** It is a block of its own, else it joins the one before. */
  readonly newBlock: boolean;
  /** Bytes of it are flipped, or its block cannot be read. */
  readonly damage?: "head" | "body" | "block" | undefined;
}

/** Blocks of a chain as senders leave them, and a reader of what their pointers name. */
export class WrittenChain {
  readonly blocks: Block[] = [];
  readonly frames: FrameReader;
  readonly #objects: FrameObjects;
  readonly #random: SeededRandom;
  readonly #base: number;
  /** The newest store time so far, as it was before any damage. */
  #untilMs = 0;

  constructor(seed: number, base = 0) {
    this.#random = new SeededRandom(seed);
    this.#base = base;
    const store = { objects: new MemoryObjectStore(), clock: new ManualClock(), random: this.#random, compressor };
    this.#objects = new FrameObjects(store);
    this.frames = new FrameReader(this.#objects, compressor);
  }

  get base(): number {
    return this.#base;
  }

  get end(): number {
    const last = this.blocks.at(-1);
    return last ? nextBase(last) : this.#base;
  }

  get count(): number {
    return this.end - this.#base;
  }

  async send(sent: Sent): Promise<void> {
    const { count, newBlock, damage } = sent;
    const last = this.blocks.at(-1);
    if (damage === "block") {
      const storedFromMs = Math.max(NOW_MS, this.#untilMs);
      const next = { base: this.end + count, storedFromMs, expiresAtSeconds: EXPIRES_AT_SECONDS } as Block;
      this.blocks.push(damagedBlock(this.end, next, "its checksum is wrong"));
      return;
    }
    const { frame, storedAtMs } = await this.#frame(sent);
    this.#untilMs = Math.max(this.#untilMs, storedAtMs);
    if (damage !== undefined) {
      const at = damage === "head" ? this.#random.integer(2, 26) : frame.length - 6;
      frame[at] = (frame[at] as number) ^ 0x15;
    }
    if (last && !newBlock && last.damage === undefined) {
      const frames = [...last.frames, frame];
      this.blocks[this.blocks.length - 1] = { ...last, count: last.count + count, bytes: last.bytes + frame.length, frames };
    } else this.#create(frame, count);
  }

  /** Passes over offsets, as after total expiry; `known`: the block says where the chain before it ended. */
  async restart(base: number, sent: Sent, known: boolean): Promise<void> {
    const chainBeforeEnd = this.end;
    this.#create((await this.#frame(sent)).frame, sent.count, base, known ? chainBeforeEnd : undefined);
  }

  #create(frame: Uint8Array, count: number, base = this.end, chainBeforeEnd?: number): void {
    this.blocks.push({
      base,
      count,
      bytes: frame.length,
      closingBytes: 1,
      expiresAtSeconds: EXPIRES_AT_SECONDS,
      storedFromMs: this.#untilMs,
      frames: [frame],
      writeIds: new Set([String(base)]),
      ...(chainBeforeEnd !== undefined && { chainBeforeEnd }),
    });
  }

  async #frame({ count, bodyBytes, afterMs, pointerAfterMs }: Sent): Promise<{ frame: Uint8Array; storedAtMs: number }> {
    const head = { storedAtMs: NOW_MS + afterMs, id: makeFrameId(NOW_MS + afterMs, this.#random.bytes(8)) };
    const batch = encodeBatch(
      head,
      Array.from({ length: count }, () => this.#record(bodyBytes, NOW_MS + afterMs)),
    );
    if (pointerAfterMs === undefined) return { frame: batch, storedAtMs: head.storedAtMs };
    const place = await this.#objects.put(batch, 4);
    const storedAtMs = head.storedAtMs + pointerAfterMs;
    return { frame: encodePointer({ ...head, ...place, storedAtMs, count }), storedAtMs };
  }

  #record(bodyBytes: number, bornAtMs: number): MessageRecord {
    return {
      messageId: undefined,
      bornAtMs,
      tag: "paid",
      keys: ["k1"],
      properties: new Map(),
      messageGroup: undefined,
      priority: undefined,
      body: new Uint8Array(bodyBytes).fill(this.#random.integer(0, 255)),
    };
  }

  /** All that a reader sees in blocks of this chain: messages, offsets that cannot be read, and the store time of every offset. */
  async seenIn(blocks: readonly Block[]) {
    const stretch = { blocks, from: this.base, count: this.count };
    const unreadable: { readonly offset: number }[] = [];
    const messages = await messagesOf(stretch, QUEUE.queueId, this.frames, { unreadable: unreadable as never });
    const times = slicesOf(stretch).map(({ offset, count, storedAtMs }) => [offset, count, storedAtMs]);
    const shown = messages.map(({ body, ...rest }) => ({ ...rest, body: Buffer.from(body).toString("latin1") }));
    return { messages: shown, unreadable: unreadable.map(({ offset }) => offset), times };
  }
}

export const plain: Sent = { count: 1, bodyBytes: 20, afterMs: 0, newBlock: true };

export async function chainOf(sends: readonly Sent[], base = 0, seed = 1): Promise<WrittenChain> {
  const chain = new WrittenChain(seed, base);
  for (const sent of sends) await chain.send(sent);
  return chain;
}
