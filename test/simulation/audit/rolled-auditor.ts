import { anchorKey, framesObjectExpiresMs, indexPk, KEY_FILES_PK, keyFileNamedBy } from "../../../core/keys.ts";
import { type Block, blockOf, nextBase, storedUntilMs } from "../../../core/log/block.ts";
import { slicesOf } from "../../../core/log/slices.ts";
import type { Item, ItemStore, Key } from "../../../core/ports/item-store.ts";
import type { ObjectStore } from "../../../core/ports/object-store.ts";
import { type IndexEntry, indexEntryOf } from "../../../core/segments/index-item.ts";
import { decodePage } from "../../../core/segments/page-codec.ts";
import { ChainMemory, isSame, type Written, writtenIn } from "./chain-memory.ts";
import type { Shown } from "./seen.ts";
import type { Violations } from "./violations.ts";
import type { Changed, Watcher } from "./watched-store.ts";

/** How much was rolled. A history without any proves nothing about it. */
export interface Rolled {
  /** Runs of queues in segments. */
  runs: number;
  /** Their pages, and their messages. */
  pages: number;
  messages: number;
  /** Commits that were refused, since another roller was quicker or the topic is gone. */
  refused: number;
  /** Blocks that were deleted because a segment has them. */
  dropped: number;
  /** Reads of segments by readers of messages. */
  read: number;
  /** Key files that were merged of others. */
  merged: number;
  /** Lookups that were answered. */
  lookups: number;
}

export const NOTHING_ROLLED: Rolled = { runs: 0, pages: 0, messages: 0, refused: 0, dropped: 0, read: 0, merged: 0, lookups: 0 };

/** The stores as they really are. */
export interface Honest {
  readonly items: ItemStore;
  readonly objects: ObjectStore;
  readonly nowMs: () => number;
}

/** Until when a message of the watched topic is kept, and how far clocks differ. */
export interface Promised {
  keptUntilMs(storedAtMs: number, nowMs: number): number;
  readonly skewMs: number;
}

const ITEMS_MAX = 10_000;

/**
 * Sees every write of chains, anchors and the index of segments.
 *
 * S1: what is below a queue's watermark and has not expired is in one segment, byte for byte and with the store times that the chain
 * gave it. S2: a watermark never falls, and only an anchor that exists has one. S3: an index item never names an object that is not
 * there, and neither goes before its last message. S4: a block whose messages have not expired goes only when a segment has them, and
 * is never the last of its chain.
 */
export class RolledAuditor implements Watcher {
  readonly counts: Rolled = { ...NOTHING_ROLLED };
  readonly memory = new ChainMemory();
  readonly #violations: Violations;
  readonly #honest: Honest;
  readonly #promised: Promised;
  #topicUid = "";

  constructor(violations: Violations, honest: Honest, promised: Promised) {
    this.#violations = violations;
    this.#honest = honest;
    this.#promised = promised;
  }

  /** The topic whose retention is promised. */
  follow(topicUid: string): void {
    this.#topicUid = topicUid;
  }

  written(queueId: number): ReadonlyMap<number, Written> {
    return this.memory.of(`${this.#topicUid}#${queueId}`);
  }

  /** Of those written, the ones that no reader may take for expired until then. */
  kept(queueId: number, untilMs: number): ReadonlyMap<number, Written> {
    const queue = `${this.#topicUid}#${queueId}`;
    return new Map([...this.memory.of(queue)].filter(([, written]) => this.#mustBeKept(queue, written, untilMs)));
  }

  wants({ pk }: Key): boolean {
    return /^[qas]#/.test(pk) || pk === KEY_FILES_PK;
  }

  refused(keys: readonly Key[]): void {
    if (keys.some(({ pk }) => pk.startsWith("s#"))) this.counts.refused++;
  }

  async changed(items: readonly Changed[]): Promise<void> {
    const named = (letter: string): readonly Changed[] => items.filter(({ key }) => key.pk.startsWith(`${letter}#`));
    const runs: IndexEntry[] = [];
    for (const { key, before, after } of named("s")) {
      if (after && before) this.#bad("S3", `index item ${key.pk}/${Number(key.sk)} is written over another`);
      if (after) runs.push(await this.#isCommitted(queueIn(key), after));
      else if (before) this.#isGone(queueIn(key), indexEntryOf(before));
    }
    for (const { key, after } of items)
      if (after && key.pk === KEY_FILES_PK && keyFileNamedBy(key.sk).level > 0) this.counts.merged++;
    for (const { key, before, after } of named("a")) this.#isMoved(queueIn(key), before, after, runs);
    for (const { key, before, after } of named("q")) {
      if (after) this.#isWritten(queueIn(key), after);
      else if (before && items.length === 1) await this.#isDropped(queueIn(key), blockOf(before));
    }
  }

  /** A reader showed a message of the topic that is followed. */
  shown({ queueId, offset, storedAtMs, body }: Shown): void {
    const written = this.written(queueId).get(offset);
    if (written && written.storedAtMs !== storedAtMs)
      this.#bad("S1", `${body} at ${queueId}/${offset} was stored at ${written.storedAtMs}, and is shown with ${storedAtMs}`);
  }

  /** Nothing is under way any more. */
  async finish(queues: number, nowMs: number): Promise<void> {
    for (let queueId = 0; queueId < queues; queueId++) {
      const queue = `${this.#topicUid}#${queueId}`;
      const anchor = await this.#honest.items.get(anchorKey(this.#topicUid, queueId));
      const end = (anchor?.rn as number | undefined) ?? 0;
      const entries = await this.#entriesOf(queue);
      for (const [offset, written] of this.memory.of(queue)) {
        if (offset >= end || !this.#mustBeKept(queue, written, nowMs)) continue;
        const entry = entries.find((one) => one.base <= offset && nextBase(one) > offset);
        if (!entry) this.#bad("S1", `${queue}/${offset} is below the watermark ${end}, and in no segment`);
        else if (!(await this.#isThere(entry))) this.#bad("S3", `segment ${entry.objectKey} of ${queue}/${offset} is gone`);
      }
    }
  }

  /** No topic that is gone has an anchor any more. */
  async checkLeftovers(uids: ReadonlySet<string>): Promise<void> {
    for (const queue of this.memory.queues) {
      const [uid = "", queueId] = queue.split("#");
      if (!uids.has(uid) && (await this.#honest.items.get(anchorKey(uid, Number(queueId)))))
        this.#bad("S2", `the anchor of ${queue} is back, whose topic is gone`);
    }
  }

  #isWritten(queue: string, item: Item): void {
    for (const offset of this.memory.keep(queue, item))
      this.#bad("I3", `${queue}/${offset} is written again with another message`);
  }

  async #isCommitted(queue: string, item: Item): Promise<IndexEntry> {
    const entry = indexEntryOf(item);
    const { base, count, objectKey, expiresAtSeconds, pages } = entry;
    this.counts.runs++;
    this.counts.pages += pages.length;
    this.counts.messages += count;
    const known = this.memory.of(queue);
    const copies = (await this.#isThere(entry)) ? await this.#copiesOf(queue, entry) : undefined;
    // A roller may stall for longer than its segment lives.
    if (!copies && framesObjectExpiresMs(objectKey) > this.#honest.nowMs())
      this.#bad("S3", `index item ${queue}/${base} names ${objectKey}, which is not there`);
    let newestMs = 0;
    for (let offset = base; offset < base + count; offset++) {
      const written = known.get(offset);
      if (!written) this.#bad("S1", `${objectKey} has ${queue}/${offset}, which nobody wrote`);
      const copy = copies?.get(offset);
      if (copies && written && !(copy && isSame(copy, written)))
        this.#bad(
          "S1",
          `${objectKey} has another ${queue}/${offset} than the chain: ${copy?.storedAtMs} and ${written.storedAtMs}`,
        );
      newestMs = Math.max(newestMs, written?.storedAtMs ?? 0);
    }
    const kept = this.#keptUntilMs(queue, newestMs, this.#honest.nowMs());
    if (expiresAtSeconds * 1_000 < kept || framesObjectExpiresMs(objectKey) < kept)
      this.#bad(
        "S3",
        `${objectKey} or its index item ${queue}/${base} goes before its last message, which is kept until ${kept}`,
      );
    for (const other of await this.#entriesOf(queue))
      if (other.base !== base && other.base < base + count && nextBase(other) > base)
        this.#bad("S1", `index item ${queue}/${base} holds what ${other.base} holds`);
    return entry;
  }

  #isGone(queue: string, { base, expiresAtSeconds }: IndexEntry): void {
    if (expiresAtSeconds * 1_000 > this.#honest.nowMs()) this.#bad("S3", `index item ${queue}/${base} goes before its time`);
  }

  #isMoved(queue: string, before: Item | undefined, after: Item | undefined, runs: readonly IndexEntry[]): void {
    const [from, to] = [before, after].map((item) => (item?.rn as number | undefined) ?? 0) as [number, number];
    if (!after || from === to) return;
    const nowMs = this.#honest.nowMs();
    if (to < from) this.#bad("S2", `the watermark of ${queue} falls from ${from} to ${to}`);
    if (before?.cap === undefined) this.#bad("S2", `${queue} gets a watermark, and its topic is gone`);
    for (const [offset, written] of this.memory.of(queue)) {
      if (offset < from || offset >= to || runs.some((run) => run.base <= offset && nextBase(run) > offset)) continue;
      if (this.#mustBeKept(queue, written, nowMs))
        this.#bad("S1", `the watermark of ${queue} passes ${offset}, which is in no segment and has not expired`);
    }
  }

  async #isDropped(queue: string, block: Block): Promise<void> {
    const nowMs = this.#honest.nowMs();
    const { base, storedFromMs, frames } = block;
    if (!this.#mustBeKept(queue, { storedAtMs: storedUntilMs({ storedFromMs, frames }) }, nowMs)) return;
    this.counts.dropped++;
    const behind = await this.#honest.items.query({ pk: `q#${queue}`, reverse: true, limit: 1 });
    if (Number(behind.items[0]?.sk ?? -1) < base) this.#bad("S4", `block ${base} of ${queue} goes, and is the last of its chain`);
    const entries = await this.#entriesOf(queue);
    for (let next = base; next < nextBase(block); ) {
      const entry = entries.find((one) => one.base <= next && nextBase(one) > next);
      if (!entry) return this.#bad("S4", `block ${base} of ${queue} goes, and no segment has ${next}`);
      next = nextBase(entry);
    }
  }

  /** Of the topic that is followed. Of others nothing is promised. */
  #keptUntilMs(queue: string, storedAtMs: number, nowMs: number): number {
    if (!queue.startsWith(`${this.#topicUid}#`)) return 0;
    return this.#promised.keptUntilMs(storedAtMs, nowMs);
  }

  #mustBeKept(queue: string, { storedAtMs }: Pick<Written, "storedAtMs">, nowMs: number): boolean {
    return this.#keptUntilMs(queue, storedAtMs, nowMs) > nowMs + 2 * this.#promised.skewMs;
  }

  async #entriesOf(queue: string): Promise<readonly IndexEntry[]> {
    const [uid = "", queueId] = queue.split("#");
    const { items } = await this.#honest.items.query({ pk: indexPk(uid, Number(queueId)), limit: ITEMS_MAX });
    return items.map(indexEntryOf);
  }

  async #isThere({ objectKey }: IndexEntry): Promise<boolean> {
    return (await this.#honest.objects.getRange(objectKey, 0, 1)) !== undefined;
  }

  async #copiesOf(queue: string, { pages, objectKey, expiresAtSeconds }: IndexEntry): Promise<ReadonlyMap<number, Written>> {
    const [topicUid = "", queueId] = queue.split("#");
    const copies = new Map<number, Written>();
    for (const { base, count, byteOffset, byteLength } of pages) {
      const bytes = (await this.#honest.objects.getRange(objectKey, byteOffset, byteLength)) ?? new Uint8Array(0);
      const blocks = decodePage(bytes, { topicUid, queueId: Number(queueId), base, count, expiresAtSeconds }, objectKey);
      for (const [offset, copy] of writtenIn(slicesOf({ blocks, from: base, count }))) copies.set(offset, copy);
    }
    return copies;
  }

  #bad(invariant: string, what: string): void {
    this.#violations.add(invariant, what);
  }
}

/** `<topic uid>#<queue>` of a key of its chain, its anchor or its index. */
const queueIn = ({ pk }: Key): string => pk.slice(2);
