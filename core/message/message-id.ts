/**
 * Message ids: 16 bytes, shown as 32 hexadecimal digits like RocketMQ's.
 *
 *   id := frame id · ordinal u16          frame id := milliseconds u48 · random 8 bytes
 *
 * All messages of a frame share its id, so a frame stores it once. The leading time lets a query start near the message.
 */

export const FRAME_ID_BYTES = 14;

export function makeFrameId(nowMs: number, random: Uint8Array): Uint8Array {
  const id = new Uint8Array(FRAME_ID_BYTES);
  let rest = nowMs;
  for (let at = 5; at >= 0; at--) {
    id[at] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  id.set(random.subarray(0, 8), 6);
  return id;
}

export const messageIdOf = (frameIdHex: string, ordinal: number): string =>
  frameIdHex + (HEX[ordinal >>> 8] as string) + (HEX[ordinal & 255] as string);

/** When the broker made an id. */
export const timeOfId = (messageId: string): number => Number.parseInt(messageId.slice(0, 12), 16);

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).toUpperCase().padStart(2, "0"));

export function toHex(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at++) text += HEX[bytes[at] as number];
  return text;
}
