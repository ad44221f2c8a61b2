import type { ByteReader } from "../bytes/byte-reader.ts";
import type { ByteWriter } from "../bytes/byte-writer.ts";
import type { FramePlace } from "../log/queue-log.ts";
import { FRAME_ID_BYTES, messageIdOf, toHex } from "../message/message-id.ts";

/**
 * Where the messages of one write went, as it is remembered with their identities. The place is known before the write, so both are one
 * transaction. The offset follows from the block.
 *
 *   place := 0 u8 · queue varint · base varint · frame id 14 bytes
 *          | 1 u8 · shard u8 · dueMs u48 · timer id text
 *          | 2 u8 · transaction id text
 */
export type KnownPlace =
  | ({ readonly kind: "queue" } & FramePlace)
  | { readonly kind: "timer"; readonly shard: number; readonly dueMs: number; readonly id: string }
  | { readonly kind: "transaction"; readonly id: string };

const KIND = { queue: 0, timer: 1, transaction: 2 } as const;

export const PLACE_BYTES_MAX = 64;

export function writePlace(out: ByteWriter, place: KnownPlace): void {
  out.u8(KIND[place.kind]);
  switch (place.kind) {
    case "queue":
      out.varint(place.queueId);
      out.varint(place.base);
      out.raw(place.frameId);
      return;
    case "timer":
      out.u8(place.shard);
      out.u48(place.dueMs);
      out.text(place.id);
      return;
    case "transaction":
      out.text(place.id);
  }
}

/** Errors: `RangeError` for anything `writePlace` did not write. */
export function readPlace(reader: ByteReader): KnownPlace {
  switch (reader.u8()) {
    case KIND.queue:
      return { kind: "queue", queueId: reader.varint(), base: reader.varint(), frameId: reader.raw(FRAME_ID_BYTES) };
    case KIND.timer:
      return { kind: "timer", shard: reader.u8(), dueMs: reader.u48(), id: reader.text() };
    case KIND.transaction:
      return { kind: "transaction", id: reader.text() };
    default:
      throw new RangeError("unknown kind of place");
  }
}

/** The id of message `ordinal` of the write, if its producer chose none. */
export const idAt = (place: KnownPlace, ordinal: number): string =>
  place.kind === "queue" ? messageIdOf(toHex(place.frameId), ordinal) : place.id;
