import { LRUCache } from "lru-cache";
import type { MessageFilter } from "../filter/compile-filter.ts";
import { framesObjectExpiresMs, queuePk } from "../keys.ts";
import { SCAN_BYTES } from "../limits.ts";
import { makeFrameId, messageIdOf, toHex } from "../message/message-id.ts";
import type { MessageRecord } from "../message/record-codec.ts";
import type { RecordView } from "../message/record-view.ts";
import type { TransactWrite } from "../ports/item-store.ts";
import { StoreUnavailable } from "../ports/store-failures.ts";
import { rollHintItem } from "../roller/roll-hint.ts";
import { growingTo } from "../store/growing-to.ts";
import { NEWEST_FORMAT } from "../store/store-format.ts";
import type { Topic } from "../terms.ts";
import type { Block } from "./block.ts";
import { type BlockNames, namesOfBlock } from "./block-names.ts";
import type { Appended, Refused } from "./chain-write.ts";
import { countWithin } from "./count-within.ts";
import { DetachedFrames } from "./detached-frames.ts";
import { encodeBatch, encodePointer, type FrameHead, type Unreadable } from "./frame.ts";
import { hashesOf, hasNoName } from "./frame-names.ts";
import { FrameObjects } from "./frame-objects.ts";
import { FrameReader } from "./frame-reader.ts";
import { loadStretch } from "./load-stretch.ts";
import { APPENDERS_MAX, FLIGHT_MS_MAX } from "./log-limits.ts";
import { type LogDependencies, type LogSettings, namesMessages } from "./log-settings.ts";
import { encodePointerNames } from "./pointer-names.ts";
import type { Queue, QueueName } from "./queue.ts";
import { QueueAppender } from "./queue-appender.ts";
import { QueueReader } from "./queue-reader.ts";
import { RecentBounds } from "./recent-bounds.ts";
import { type Matches, matchingOf, messagesOf, type ReadMessages, type Viewed, viewMessages } from "./run-messages.ts";
import type { Run } from "./run-walk.ts";
import { storedAtMsOf } from "./slices.ts";

export type AppendOutcome = (Appended & { readonly messageIds: readonly string[] }) | Refused;

/** Where the messages of one append are. Their offset is found by their frame in the block. */
export interface FramePlace {
  readonly queueId: number;
  /** The block's base. */
  readonly base: number;
  readonly frameId: Uint8Array;
}

export interface FoundFrame {
  /** Of its first message. */
  readonly offset: number;
  readonly storedAtMs: number | undefined;
}

export interface AppendOptions {
  /** Writes in the same transaction: all of them happen, or nothing does. */
  readonly companions?: ((place: FramePlace) => readonly TransactWrite[]) | undefined;
  /** When an append that certainly did not happen is given up. */
  readonly giveUpAtMs?: number;
  /** If the frame needs an object, it fails unless the object is stored by then. Default: SEND_DEADLINE_MS from now. */
  readonly objectUntilMs?: number;
}

/** The logs of all queues: append, read, find. */
export class QueueLog {
  readonly reader: QueueReader;
  readonly bounds: RecentBounds;
  readonly #store: LogDependencies;
  readonly #settings: LogSettings;
  readonly #objects: FrameObjects;
  readonly #frames: FrameReader;
  /** Frames that are not in a queue. */
  readonly detached: DetachedFrames;
  readonly #appenders = new LRUCache<string, QueueAppender>(growingTo(APPENDERS_MAX));

  constructor(store: LogDependencies, settings: LogSettings) {
    this.#store = store;
    this.#settings = settings;
    this.#objects = new FrameObjects(store);
    this.#frames = new FrameReader(this.#objects, store.compressor);
    this.detached = new DetachedFrames(store, settings, this.#objects);
    this.reader = new QueueReader(store, settings);
    this.bounds = new RecentBounds(this.reader, store.clock);
  }

  /**
   * Appends messages of one send (1 … 100) to one queue: together, in order, at consecutive offsets.
   * Errors: `StoreUnavailable`, TOO_MANY_REQUESTS.
   */
  async append(
    topic: Pick<Topic, "uid" | "retentionHours" | "flushMode">,
    queueId: number,
    records: readonly MessageRecord[],
    options: AppendOptions = {},
  ): Promise<AppendOutcome> {
    const { clock, random } = this.#store;
    const naming = namesMessages(this.#store);
    const madeAtMs = clock.nowMs();
    const id = makeFrameId(madeAtMs, random.bytes(8), naming ? { topicUid: topic.uid, queueId } : undefined);
    // The store time is never before the id's: a search from the id's time on finds the message.
    const head = { storedAtMs: madeAtMs, id, nameless: naming && records.every(hasNoName) };
    const batch = this.#encode(head, records);
    const { companions, objectUntilMs, giveUpAtMs } = options;
    const { inlineFrameBytesMax, transactedInlineBytesMax } = this.#settings;
    const inlineBytesMax = companions ? transactedInlineBytesMax : inlineFrameBytesMax;
    const inline = batch.length <= inlineBytesMax && topic.flushMode === "ASYNC_FLUSH";
    const pointer = inline ? undefined : await this.#objects.put(batch, topic.retentionHours, objectUntilMs);
    const storedAtMs = pointer ? Math.max(madeAtMs, clock.nowMs()) : madeAtMs;
    if (pointer) requireKept(pointer.objectKey, { askedAtMs: madeAtMs, storedAtMs }, topic.retentionHours);
    const names =
      pointer && naming && !head.nameless ? encodePointerNames(records.map((one) => hashesOf(topic.uid, one))) : undefined;
    const frame = pointer ? encodePointer({ ...head, ...pointer, storedAtMs, count: records.length, names }) : batch;
    const result = await this.#appender(topic.uid, queueId).append({
      frames: [frame],
      firstFrameId: head.id,
      bytes: frame.length,
      count: records.length,
      storedAtMs,
      retentionHours: topic.retentionHours,
      companions: companions && (({ base }) => companions({ queueId, base, frameId: head.id })),
      giveUpAtMs,
    });
    if (result.status === "refused") return result;
    this.#hint({ topicUid: topic.uid, queueId }, result.offset, records.length);
    const idHex = toHex(head.id);
    return { ...result, messageIds: records.map((record, ordinal) => record.messageId ?? messageIdOf(idHex, ordinal)) };
  }

  /** Whether messages wait for a write to a queue that others may share. */
  gathers(topicUid: string, queueId: number): boolean {
    return this.#appenders.get(queuePk(topicUid, queueId))?.gathers ?? false;
  }

  /** Where a frame that was stored there begins, in the chain or in a segment; `undefined` once it is gone. */
  async find(topicUid: string, { queueId, base, frameId }: FramePlace): Promise<FoundFrame | undefined> {
    const found = await this.reader.find({ topicUid, queueId }, base, frameId);
    return found && { offset: found.offset, storedAtMs: storedAtMsOf(found.block, found.offset) };
  }

  /**
   * Messages `from` … `from + count − 1` of a run, or only those at wanted offsets, and which of them cannot be read. Offsets in
   * neither list have expired. Errors: `StoreUnavailable`.
   */
  async messages(run: Run, from: number, count: number, queue: Queue, wanted?: ReadonlySet<number>): Promise<ReadMessages> {
    const unreadable: Unreadable[] = [];
    const again = (block: Block) => this.reader.again(queue, block);
    const stretch = { blocks: run.blocks, from, count };
    const messages = await messagesOf(stretch, queue.queueId, this.#frames, { wanted, again, unreadable });
    return { messages, unreadable };
  }

  /** What the messages of a block are looked up by (`block-names.ts`). Nothing of it is kept. Errors: `StoreUnavailable`. */
  names(block: Block, topicUid: string): Promise<BlockNames> {
    return namesOfBlock(block, topicUid, { compressor: this.#store.compressor, objects: this.#objects });
  }

  /**
   * Shows the run's first `count` messages, still encoded, until `see` answers false. Unreadable messages are not shown.
   * Errors: `StoreUnavailable`.
   */
  async view(run: Run, count: number, queue: Queue, see: (view: RecordView, offset: number) => boolean): Promise<Viewed> {
    return viewMessages(await this.#load(run, count, queue), see);
  }

  /** Those of the run's first `count` messages that match a filter. Only they are decoded. Errors: `StoreUnavailable`. */
  async matching(run: Run, count: number, queue: Queue, filter: MessageFilter): Promise<Matches> {
    return matchingOf(await this.#load(run, count, queue), queue.queueId, filter);
  }

  /**
   * How many of the run's first `count` messages fit into `bytesMax`, unpacked; at least 1 if there is any. Exact for messages that
   * were read before; otherwise estimated by the average of each batch. Errors: `StoreUnavailable`.
   */
  countWithin({ blocks, from, available }: Run, count: number, bytesMax: number): Promise<number> {
    return countWithin({ blocks, from, count: Math.min(count, available) }, bytesMax, this.#frames);
  }

  /** How many of the run's first `count` messages a scan may hold in memory, unpacked. Errors: `StoreUnavailable`. */
  countToView(run: Run, count: number): Promise<number> {
    return this.countWithin(run, count, SCAN_BYTES);
  }

  /** Nobody waits for it, and nobody misses one that is lost. */
  #hint(queue: QueueName, offset: number, count: number): void {
    const { items, clock, format } = this.#store;
    const every = this.#settings.rollHintMessages;
    if (every === undefined || Math.floor(offset / every) === Math.floor((offset + count) / every)) return;
    if ((format?.version ?? NEWEST_FORMAT) < 4) return;
    const item = rollHintItem({ ...queue, putAtMs: clock.nowMs() });
    items.put(item, { when: [{ op: "absent", name: "pk" }] }).catch(() => undefined);
  }

  #load({ blocks, from }: Run, count: number, queue: Queue) {
    return loadStretch({ blocks, from, count }, this.#frames, (block) => this.reader.again(queue, block));
  }

  #encode(head: Omit<FrameHead, "count">, records: readonly MessageRecord[]): Uint8Array {
    const plain = encodeBatch(head, records);
    return plain.length < this.#settings.packFromBytes ? plain : encodeBatch(head, records, this.#store.compressor);
  }

  #appender(topicUid: string, queueId: number): QueueAppender {
    const pk = queuePk(topicUid, queueId);
    let appender = this.#appenders.get(pk);
    if (!appender) {
      const queue = { topicUid, queueId };
      appender = new QueueAppender(this.#store, queue, this.reader);
      this.#appenders.set(pk, appender);
    }
    return appender;
  }
}

/** A machine may have slept since the object was named, and the retention may have been raised. Errors: `StoreUnavailable`. */
function requireKept(
  objectKey: string,
  { askedAtMs, storedAtMs }: { readonly askedAtMs: number; readonly storedAtMs: number },
  retentionHours: number,
): void {
  const kept = framesObjectExpiresMs(objectKey) >= storedAtMs + retentionHours * 3_600_000;
  if (kept && storedAtMs - askedAtMs <= FLIGHT_MS_MAX) return;
  throw new StoreUnavailable("not-applied", "unavailable", `object ${objectKey} would expire before its messages`);
}
