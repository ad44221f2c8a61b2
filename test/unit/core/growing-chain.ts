import { MemoryItemStore } from "../../../adapters/memory/memory-item-store.ts";
import { blockKey, offsetSk, queuePk, skOffset } from "../../../core/keys.ts";
import { type Block, blockItem, isLive, isOpen, nextBase } from "../../../core/log/block.ts";
import { encodeBatch } from "../../../core/log/frame.ts";
import { CAP_STEP } from "../../../core/log/log-limits.ts";
import { makeFrameId } from "../../../core/message/message-id.ts";
import type { Item, ItemStore, Query, QueryPage } from "../../../core/ports/item-store.ts";
import type { SeededRandom } from "../../support/seeded-random.ts";

export const NOW_MS = 1_800_000_000_000;
export const QUEUE = { topicUid: "t", queueId: 0, retention: { retentionHours: 1, retentionRaises: [] } };
const PK = queuePk(QUEUE.topicUid, QUEUE.queueId);

/** A queue's chain as several writers leave it: blocks of any size, some of them open for a while, with gaps where it was restarted. */
export class GrowingChain {
  readonly items = new MemoryItemStore();
  /** What each offset that was ever written holds; every third is tagged "wanted". */
  readonly written = new Map<number, string>();
  readonly blocks: Block[] = [];
  readonly #random: SeededRandom;
  /** Writes of others that are still to come. */
  #coming = 0;
  #wrote = false;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  get end(): number {
    const last = this.blocks.at(-1);
    return last ? nextBase(last) : 0;
  }

  /** One write: into the last block where that is open, else into a new one behind it. */
  async write(live = true): Promise<void> {
    const last = this.blocks.at(-1);
    const count = this.#random.pick([1, 1, 1, 2, 5]);
    if (last && isOpen(last) && live && isLive(last, NOW_MS)) {
      const frames = [...last.frames, this.#frame(nextBase(last), count)];
      const bytes = frames.reduce((sum, frame) => sum + frame.length, 0);
      this.blocks.pop();
      return this.#store({ ...last, count: last.count + count, bytes, frames });
    }
    await this.#create(this.end, count, live ? 90_000 : -1);
  }

  /** Behind a gap, where offsets were never written. */
  async restart(): Promise<void> {
    const cap = (Math.floor(this.end / CAP_STEP) + 1) * CAP_STEP;
    await this.#create(cap, this.#random.pick([1, 2, 5]), 90_000, this.end);
  }

  /**
   * The store as a slow reader meets it: others write before a query and between the items of its page, which is read forwards and is
   * no snapshot.
   */
  torn(writesMax: number): ItemStore {
    this.#coming = writesMax;
    const others = async (): Promise<void> => {
      for (; this.#coming > 0 && this.#random.chance(0.4); this.#coming--) {
        await this.write();
        this.#wrote = true;
      }
    };
    const store: ItemStore = Object.create(this.items);
    store.get = (...call) => this.items.get(...call);
    store.query = async (query): Promise<QueryPage> => {
      await others();
      if (query.pk !== PK || query.reverse) return this.items.query(query);
      return this.#itemByItem(query, others);
    };
    return store;
  }

  /** From now on nobody else writes. Whether somebody did since this was asked last. */
  quiet(): boolean {
    const wrote = this.#wrote;
    this.#coming = 0;
    this.#wrote = false;
    return wrote;
  }

  async #itemByItem(query: Query, others: () => Promise<void>): Promise<QueryPage> {
    const items: Item[] = [];
    for (let from = query.from ?? offsetSk(0); items.length < query.limit; ) {
      const page = await this.items.query({ ...query, from, limit: 1 });
      const [item] = page.items;
      if (!item) return { items, more: false };
      items.push(item);
      from = offsetSk(skOffset(item.sk) + 1);
      await others();
    }
    return { items, more: true };
  }

  async #create(base: number, count: number, lifeSeconds: number, chainBeforeEnd?: number): Promise<void> {
    const frames = [this.#frame(base, count)];
    await this.#store({
      base,
      count,
      bytes: frames.reduce((sum, frame) => sum + frame.length, 0),
      closingBytes: this.#random.pick([1, 1, 300, 700]),
      expiresAtSeconds: NOW_MS / 1_000 + lifeSeconds,
      storedFromMs: NOW_MS,
      frames,
      writeIds: new Set([String(base)]),
      chainBeforeEnd,
    });
  }

  async #store(block: Block): Promise<void> {
    this.blocks.push(block);
    await this.items.put(blockItem(blockKey(QUEUE.topicUid, QUEUE.queueId, block.base), block, NOW_MS));
  }

  #frame(base: number, count: number): Uint8Array {
    const records = Array.from({ length: count }, (_, index) => {
      const text = `message ${base + index}`;
      this.written.set(base + index, text);
      return {
        messageId: undefined,
        bornAtMs: NOW_MS,
        tag: isWanted(base + index) ? "wanted" : "other",
        keys: [],
        properties: new Map<string, string>(),
        messageGroup: undefined,
        priority: undefined,
        body: Buffer.from(text),
      };
    });
    return encodeBatch({ storedAtMs: NOW_MS, id: makeFrameId(NOW_MS, this.#random.bytes(8)) }, records);
  }
}

export const isWanted = (offset: number): boolean => offset % 3 === 0;
