import { framesObjectExpiresMs } from "../keys.ts";
import { makeFrameId, messageIdOf, toHex } from "../message/message-id.ts";
import type { MessageRecord } from "../message/record-codec.ts";
import { StoreCorrupt } from "../ports/store-failures.ts";
import { decodeFrame, encodeBatch, encodePointer, readMessages } from "./frame.ts";
import type { FrameObjects } from "./frame-objects.ts";
import type { LogDependencies, LogSettings } from "./log-settings.ts";

/**
 * Messages that are stored but not in a queue yet: each a frame of its own, in an item of its owner's. As in a queue, a large frame
 * goes to the object store and the item holds a pointer.
 */
export class DetachedFrames {
  readonly #store: LogDependencies;
  readonly #settings: LogSettings;
  readonly #objects: FrameObjects;
  #lastId: Uint8Array | undefined;

  constructor(store: LogDependencies, settings: LogSettings, objects: FrameObjects) {
    this.#store = store;
    this.#settings = settings;
    this.#objects = objects;
  }

  /** Ids for `count` messages that are stored together. Their order is the order of the ids, and so is that of the calls of one process. */
  newIds(count: number): readonly string[] {
    const { clock, random } = this.#store;
    const fresh = makeFrameId(clock.nowMs(), random.bytes(8));
    const last = this.#lastId;
    const id = last && toHex(fresh) <= toHex(last) ? successor(last) : fresh;
    this.#lastId = id;
    const idHex = toHex(id);
    return Array.from({ length: count }, (_, ordinal) => messageIdOf(idHex, ordinal));
  }

  /**
   * The frame of one message that may be read for `lifeHours`. It has failed by `untilMs`, if not before.
   * Errors: TOO_MANY_REQUESTS; `StoreUnavailable`, not applied.
   */
  async encode(record: MessageRecord, lifeHours: number, untilMs?: number): Promise<Uint8Array> {
    const { clock, random, compressor } = this.#store;
    const { packFromBytes, detachedInlineBytesMax } = this.#settings;
    const head = { storedAtMs: clock.nowMs(), id: makeFrameId(clock.nowMs(), random.bytes(8)) };
    const plain = encodeBatch(head, [record]);
    const batch = plain.length < packFromBytes ? plain : encodeBatch(head, [record], compressor);
    if (batch.length <= detachedInlineBytesMax) return batch;
    const place = await this.#objects.put(batch, lifeHours, untilMs);
    return encodePointer({ ...head, ...place, count: 1 });
  }

  /** Whether a frame can be read for `lifeHours` from now on: one in an object goes with it. Errors: `StoreCorrupt`. */
  isKept(frame: Uint8Array, lifeHours: number): boolean {
    const decoded = decodeFrame(frame, this.#store.compressor);
    return (
      decoded.kind === "batch" || framesObjectExpiresMs(decoded.objectKey) >= this.#store.clock.nowMs() + lifeHours * 3_600_000
    );
  }

  /** The message of such a frame, under the id its owner knows it by. Errors: `StoreCorrupt`, also when its object is gone. */
  async decode(frame: Uint8Array, ownersId: string): Promise<MessageRecord> {
    const decoded = decodeFrame(frame, this.#store.compressor);
    const batch = decoded.kind === "batch" ? decoded : await this.#objects.get(decoded);
    if (!batch) throw new StoreCorrupt("the object of a detached frame is gone");
    const { messages, unreadable } = readMessages(batch, 0, 1, { queueId: 0, offset: 0, storedAtMs: batch.storedAtMs });
    const [message] = messages;
    if (!message) throw new StoreCorrupt(unreadable[0]?.reason ?? "a detached frame without a message");
    const { bornAtMs, tag, keys, properties, messageGroup, priority, body } = message;
    const chosen = message.messageId === messageIdOf(toHex(batch.id), 0) ? ownersId : message.messageId;
    return { messageId: chosen, bornAtMs, tag, keys, properties, messageGroup, priority, body };
  }
}

/** The next number, as it is written in bytes. */
function successor(id: Uint8Array): Uint8Array {
  const next = id.slice();
  for (let at = next.length - 1; at >= 0; at--) {
    next[at] = ((next[at] as number) + 1) & 255;
    if (next[at] !== 0) break;
  }
  return next;
}
