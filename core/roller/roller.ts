import type { BrokerSettings } from "../broker-settings.ts";
import { toBase64url } from "../bytes/base64url.ts";
import { type KeyFile, keyFileItem } from "../key-index/key-file.ts";
import { putKeyParts } from "../key-index/put-key-parts.ts";
import { queuePk, retentionClassDays, segmentObjectKey, topicKey } from "../keys.ts";
import { Anchor } from "../log/anchor.ts";
import { type Block, nextBase, storedUntilMs } from "../log/block.ts";
import type { BlockNames } from "../log/block-names.ts";
import { BlockPages } from "../log/block-pages.ts";
import { EXPIRY_GUARD_SECONDS } from "../log/log-limits.ts";
import type { QueueName } from "../log/queue.ts";
import type { QueueLog } from "../log/queue-log.ts";
import { horizonMs, objectExpiryOf } from "../log/retention.ts";
import type { HearRollGauges } from "../ports/gauges.ts";
import type { ObjectStore } from "../ports/object-store.ts";
import type { Yielding } from "../ports/reading.ts";
import { StoreCorrupt } from "../ports/store-failures.ts";
import { indexItem } from "../segments/index-item.ts";
import type { SegmentRun } from "../segments/segment-format.ts";
import { SegmentWriter } from "../segments/segment-writer.ts";
import { repeatUnknown } from "../store/repeat-unknown.ts";
import type { StoreDependencies } from "../store/store-dependencies.ts";
import type { Topic } from "../terms.ts";
import { topicOf } from "../topic/topic-codec.ts";
import { type CollectedRun, collectRun, lastExpiryOf, newestMsOf } from "./collect-run.ts";
import { isDue } from "./is-due.ts";
import { gatheredBytesMax, LIFE_LEFT_HOURS_MIN, ROLL_SETTINGS, type RollSettings, roomBytesMin } from "./roll-limits.ts";

const HOUR_MS = 3_600_000;

export interface RollDependencies extends StoreDependencies {
  readonly objects: ObjectStore;
  readonly settings: Pick<BrokerSettings, "rollBytesMin" | "rollSettings">;
  readonly reading: Yielding;
  readonly log: Pick<QueueLog, "names">;
  /** Told how far rolling is behind, at the end of each pass. */
  readonly onRollGauges?: HearRollGauges | undefined;
}

/** Below `end` a queue is in segments, or has expired. */
export interface RolledQueue {
  readonly queue: QueueName;
  readonly end: number;
}

/** A queue's run in a segment that is not stored yet. */
interface Part extends RolledQueue {
  /** Where the queue was rolled to when its blocks were read. */
  readonly seen: number;
  readonly expiresAtSeconds: number;
}

/** A segment that gathers runs of one retention class. */
interface Gathered {
  readonly writer: SegmentWriter;
  readonly parts: Part[];
}

/**
 * Copies full blocks of queues to segments. A queue's blocks are read, then its topic's retention, so that no longer life than that was
 * promised to any of them; then the segment is stored, then its keys are registered, and only then an index item names it. The item and
 * the queue's watermark are one transaction, which wants the watermark as it was before the blocks were read. So a roller that dies
 * anywhere, or finds that another was quicker, leaves at worst an object that nobody needs, which goes with its class.
 *
 * Blocks stay where they are. One roller is one pass: after a failure it is done with, and nothing of it is committed any more.
 */
export class Roller {
  readonly #store: RollDependencies;
  readonly #settings: RollSettings;
  readonly #reads: { readonly pages: BlockPages; readonly reading: Yielding };
  /** How far each queue is known to be rolled. */
  readonly rolled = new Map<string, RolledQueue>();
  readonly #gathered = new Map<number, Gathered>();
  #bytes = 0;

  constructor(store: RollDependencies) {
    this.#store = store;
    this.#settings = store.settings.rollSettings ?? ROLL_SETTINGS;
    this.#reads = { pages: new BlockPages(store.items), reading: store.reading };
  }

  /** Bytes that were collected so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Gathers what is due of a queue, and stores segments as they fill, until `isOver`. Errors: `StoreUnavailable`, `StoreCorrupt`.
   */
  async roll(topic: Topic, queueId: number, isOver: () => boolean): Promise<void> {
    const queue = { topicUid: topic.uid, queueId };
    const anchor = new Anchor(this.#store.items, topic.uid, queueId);
    // What was gathered of it is not behind its watermark yet.
    if (this.#isGathered(queue)) await this.end();
    for (let before = -1; ; ) {
      const seen = await anchor.rolledTo();
      if (seen === undefined) return;
      this.#committed({ queue, end: seen });
      if (seen === before || isOver()) return;
      before = seen;
      const nowMs = this.#store.clock.nowMs();
      const horizon = horizonMs(topic, nowMs);
      const bytesMax = this.#settings.segmentBytes;
      const run = await collectRun(this.#reads, queue, { from: seen, nowMs, horizonMs: horizon, bytesMax });
      const stored = this.#isDue(run) ? await this.#stored(topic) : undefined;
      // Another retention may have been in force for long: then less has expired in front of the run than it seemed.
      const passesTooMuch = stored && run.blocks[0]?.base !== seen && horizonMs(stored, nowMs) < horizon;
      const expiresAtSeconds = stored && !passesTooMuch ? this.#expiryOf(stored, run) : undefined;
      if (expiresAtSeconds === undefined) return;
      const isTaken = await this.#gather(topic, queueId, run, { seen, expiresAtSeconds });
      if (isTaken && !run.more) return;
      await this.end();
    }
  }

  #committed(rolled: RolledQueue): void {
    if (rolled.end > 0) this.rolled.set(queuePk(rolled.queue.topicUid, rolled.queue.queueId), rolled);
  }

  /** Stores what was gathered. */
  async end(): Promise<void> {
    for (const classDays of [...this.#gathered.keys()]) await this.#end(classDays);
  }

  #isDue({ blocks, bytes }: CollectedRun): boolean {
    const [first] = blocks;
    const { settings, clock } = this.#store;
    return first !== undefined && isDue(bytes, clock.nowMs() - storedUntilMs(first), settings);
  }

  /** The topic as it is stored; `undefined` if it is gone. */
  async #stored({ name, uid }: Topic): Promise<Topic | undefined> {
    const item = await this.#store.items.get(topicKey(name));
    const topic = item && topicOf(item);
    return topic?.uid === uid ? topic : undefined;
  }

  /** When the run's last message has surely expired, epoch seconds; `undefined` if that is soon. */
  #expiryOf({ retentionHours }: Topic, run: CollectedRun): number | undefined {
    const untilMs = newestMsOf(run) + retentionHours * HOUR_MS;
    if (untilMs < this.#store.clock.nowMs() + LIFE_LEFT_HOURS_MIN * HOUR_MS) return undefined;
    return Math.min(lastExpiryOf(run), Math.ceil(untilMs / 1_000) + EXPIRY_GUARD_SECONDS);
  }

  /** Answers whether all of the run was taken. */
  async #gather(
    { name, uid }: Topic,
    queueId: number,
    { blocks, bytes }: CollectedRun,
    { seen, expiresAtSeconds }: Pick<Part, "seen" | "expiresAtSeconds">,
  ): Promise<boolean> {
    const classDays = retentionClassDays((expiresAtSeconds * 1_000 - this.#store.clock.nowMs()) / HOUR_MS);
    const taken = this.#gathered.get(classDays);
    const { segmentBytes, pages } = this.#settings;
    const room = roomBytesMin(this.#settings);
    if (taken && taken.writer.bytesMax + bytes > segmentBytes + room) await this.#end(classDays);
    const gathered = this.#gathered.get(classDays) ?? { writer: new SegmentWriter(pages, segmentBytes + room), parts: [] };
    this.#gathered.set(classDays, gathered);
    const { writer, parts } = gathered;
    let end = seen;
    // A block is let go once it is written: a segment's worth of them is not in memory twice. Messages with very many keys fill a segment
    // sooner than their blocks do.
    while (blocks.length > 0 && (end === seen || writer.bytesMax <= segmentBytes + room)) {
      const { found, names } = await this.#named({ topicUid: uid, queueId }, blocks.shift() as Block);
      writer.append({ topicUid: uid, topic: name, queueId }, found);
      for (const { hash, offset, storedAtMs } of names.named) writer.addKey(hash, offset, storedAtMs);
      end = nextBase(found);
      await this.#store.reading.pause();
    }
    parts.push({ queue: { topicUid: uid, queueId }, seen, end, expiresAtSeconds });
    this.#bytes += bytes;
    if (writer.bytesMax > segmentBytes - room) await this.#end(classDays);
    else if (this.#gatheredBytes() > gatheredBytesMax(this.#settings)) await this.end();
    return blocks.length === 0;
  }

  /** A block, and its names. One that cannot be read is read once more: it may have been garbled on the way, and would stay so in a segment. */
  async #named({ topicUid, queueId }: QueueName, block: Block): Promise<{ readonly found: Block; readonly names: BlockNames }> {
    const { log } = this.#store;
    const names = await log.names(block, topicUid);
    const again =
      names.unreadable.length > 0 ? await this.#reads.pages.atOrBefore(queuePk(topicUid, queueId), block.base) : undefined;
    if (!again || again.damage !== undefined || again.base !== block.base || again.count !== block.count)
      return { found: block, names };
    return { found: again, names: await log.names(again, topicUid) };
  }

  #isGathered({ topicUid, queueId }: QueueName): boolean {
    return [...this.#gathered.values()].some(({ parts }) =>
      parts.some(({ queue }) => queue.topicUid === topicUid && queue.queueId === queueId),
    );
  }

  #gatheredBytes(): number {
    return [...this.#gathered.values()].reduce((sum, { writer }) => sum + writer.bytesMax, 0);
  }

  async #end(classDays: number): Promise<void> {
    const gathered = this.#gathered.get(classDays);
    if (!gathered) return;
    this.#gathered.delete(classDays);
    const { objects, clock, random } = this.#store;
    const { object, runs, keys, keysLeft } = gathered.writer.end();
    const nowMs = clock.nowMs();
    const untilMs = Math.max(...gathered.parts.map(({ expiresAtSeconds }) => expiresAtSeconds * 1_000));
    const expiresMs = objectExpiryOf(nowMs, (untilMs - nowMs) / HOUR_MS);
    const name = toBase64url(random.bytes(9));
    const objectKey = segmentObjectKey(classDays, expiresMs, nowMs, name);
    // The key is used once and always for the same bytes, so a put whose reply was lost is repeated.
    await repeatUnknown(this.#store, () => objects.put(objectKey, object));
    const parts = keys.count > 0 ? [{ objectKey, ...keys }] : await putKeyParts(this.#store, keysLeft, { classDays, expiresMs });
    if (parts.length > 0) {
      const file: KeyFile = {
        level: 0,
        classDays,
        name,
        parts,
        storedFromMs: Math.min(...runs.map((one) => one.storedFromMs)),
        storedUntilMs: Math.max(...runs.map((one) => one.storedUntilMs)),
        expiresAtSeconds: untilMs / 1_000,
      };
      // Before the commits: whoever reads a watermark finds the keys of everything below it.
      await repeatUnknown(this.#store, () => this.#store.items.put(keyFileItem(file)));
    }
    let corrupt: StoreCorrupt | undefined;
    for (const [index, part] of gathered.parts.entries()) {
      try {
        await this.#commit(part, runs[index] as SegmentRun, objectKey);
      } catch (error) {
        if (!StoreCorrupt.is(error)) throw error;
        corrupt = error;
      }
      await this.#store.reading.pause();
    }
    if (corrupt) throw corrupt;
  }

  /** Refused if another roller was quicker, if an earlier call of this one was applied after all, or if the topic is gone. */
  async #commit({ queue, seen, end, expiresAtSeconds }: Part, run: SegmentRun, objectKey: string): Promise<void> {
    const { items } = this.#store;
    const anchor = new Anchor(items, queue.topicUid, queue.queueId);
    const item = indexItem(run, { objectKey, expiresAtSeconds });
    const { ok } = await repeatUnknown(this.#store, () =>
      items.transact([{ kind: "put", item, when: [{ op: "absent", name: "pk" }] }, anchor.rolledFrom(seen, end)]),
    );
    if (ok) this.#committed({ queue, end });
  }
}
