import { hash32 } from "../bytes/hash32.ts";

/**
 * Message ids: 16 bytes, shown as 32 hexadecimal digits like RocketMQ's.
 *
 *   id       := frame id · ordinal u16
 *   frame id := milliseconds u48 · topic hash u16 · queue u8 · random u40      from store format 4 on
 *   frame id := milliseconds u48 · random u64                                  before
 *
 * All messages of a frame share its id, so a frame stores it once. An id names the time it was made at, the topic and the queue, so its
 * message is found without an index (`log/find-made`). Queue 255 is also that of a message that has no queue yet
 * (`message/unplaced-ids`).
 */

export const FRAME_ID_BYTES = 14;
export const UNPLACED_QUEUE = 255;

/** What an id names beside its time. */
export interface IdPlace {
  readonly topicUid: string;
  readonly queueId: number;
}

/** `random` are 8 bytes. Without a place the id is one of the layout before format 4. */
export function makeFrameId(nowMs: number, random: Uint8Array, place?: IdPlace): Uint8Array {
  const id = new Uint8Array(FRAME_ID_BYTES);
  let rest = nowMs;
  for (let at = 5; at >= 0; at--) {
    id[at] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  id.set(random.subarray(0, 8), 6);
  if (!place) return id;
  const hash = topicHashOf(place.topicUid);
  id[6] = hash >>> 8;
  id[7] = hash & 255;
  id[8] = place.queueId;
  return id;
}

/** The 16 bits of a topic that its messages' ids hold. Stored data depends on the results. */
export const topicHashOf = (topicUid: string): number => hash32(topicUid) >>> 16;

export const messageIdOf = (frameIdHex: string, ordinal: number): string =>
  frameIdHex + (HEX[ordinal >>> 8] as string) + (HEX[ordinal & 255] as string);

/** When the broker made an id. */
export const timeOfId = (messageId: string): number => Number.parseInt(messageId.slice(0, 12), 16);

/** What an id says of its message. One of the layout before format 4 says something random. */
export interface IdParts {
  readonly madeAtMs: number;
  readonly topicHash: number;
  /** `undefined`: 255, or not known when the id was made. */
  readonly queueId: number | undefined;
}

/** `undefined` for a text that the broker does not make as an id. */
export function partsOfId(messageId: string): IdParts | undefined {
  if (!/^[0-9A-F]{32}$/.test(messageId)) return undefined;
  const topicHash = Number.parseInt(messageId.slice(12, 16), 16);
  const queueId = Number.parseInt(messageId.slice(16, 18), 16);
  return { madeAtMs: timeOfId(messageId), topicHash, queueId: queueId === UNPLACED_QUEUE ? undefined : queueId };
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).toUpperCase().padStart(2, "0"));

export function toHex(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at++) text += HEX[bytes[at] as number];
  return text;
}
