import { framesObjectExpiresMs } from "../keys.ts";
import { makeFrameId, messageIdOf, toHex } from "../message/message-id.ts";
import type { MessageRecord } from "../message/record-codec.ts";
import { UnplacedIds } from "../message/unplaced-ids.ts";
import { StoreCorrupt } from "../ports/store-failures.ts";
import { decodeFrame, encodeBatch, encodePointer, readMessages } from "./frame.ts";
import type { FrameObjects } from "./frame-objects.ts";
import { type LogDependencies, type LogSettings, namesMessages } from "./log-settings.ts";

/**
 * Messages that are stored but not in a queue yet, each in a frame of its own in an item of its owner. As in a queue, a large frame
 * goes to the object store and the item holds a pointer.
 */
export class DetachedFrames {
  readonly #store: LogDependencies;
  readonly #settings: LogSettings;
  readonly #objects: FrameObjects;
  readonly #ids = new UnplacedIds();

  constructor(store: LogDependencies, settings: LogSettings, objects: FrameObjects) {
    this.#store = store;
    this.#settings = settings;
    this.#objects = objects;
  }

  /** Ids for `count` messages of a topic that are stored together. Ids ascend within a call, and from call to call of one process. */
  newIds(topicUid: string, count: number): readonly string[] {
    const { clock, random } = this.#store;
    return this.#ids.next(clock.nowMs(), random.bytes(8), count, namesMessages(this.#store) ? topicUid : undefined);
  }

  /** The frame of one message, readable for `lifeHours`. If it is not stored by `untilMs`, it fails. */
  async encode(record: MessageRecord, lifeHours: number, untilMs?: number): Promise<Uint8Array> {
    const { clock, random, compressor } = this.#store;
    const { packFromBytes, detachedInlineBytesMax } = this.#settings;
    const storedAtMs = clock.nowMs();
    const head = { storedAtMs, id: makeFrameId(storedAtMs, random.bytes(8)) };
    const plain = encodeBatch(head, [record]);
    const batch = plain.length < packFromBytes ? plain : encodeBatch(head, [record], compressor);
    if (batch.length <= detachedInlineBytesMax) return batch;
    const pointer = await this.#objects.put(batch, lifeHours, untilMs);
    return encodePointer({ ...head, ...pointer, count: 1 });
  }

  /** Whether a frame stays readable for `lifeHours` from now. A frame in an object expires with the object. Errors: `StoreCorrupt`. */
  isKept(frame: Uint8Array, lifeHours: number): boolean {
    const decoded = decodeFrame(frame, this.#store.compressor);
    return (
      decoded.kind === "batch" || framesObjectExpiresMs(decoded.objectKey) >= this.#store.clock.nowMs() + lifeHours * 3_600_000
    );
  }

  /** The message of a detached frame, under the id by which its owner knows it. Errors: `StoreCorrupt`, also if its object is gone. */
  async decode(frame: Uint8Array, ownersId: string): Promise<MessageRecord> {
    const decoded = decodeFrame(frame, this.#store.compressor);
    const batch = decoded.kind === "batch" ? decoded : await this.#objects.get(decoded);
    if (!batch) throw new StoreCorrupt("the object of a detached frame is gone");
    const { messages, unreadable } = readMessages(batch, 0, 1, { queueId: 0, offset: 0, storedAtMs: batch.storedAtMs });
    const [message] = messages;
    if (!message) throw new StoreCorrupt(unreadable[0]?.reason ?? "a detached frame without a message");
    const { queueId, offset, storedAtMs, ...record } = message;
    const chosen = message.messageId === messageIdOf(toHex(batch.id), 0) ? ownersId : message.messageId;
    return { ...record, messageId: chosen };
  }
}
