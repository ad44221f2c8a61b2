import { keyHash } from "../message/key-hash.ts";
import type { MessageRecord } from "../message/record-codec.ts";
import type { Compressor } from "../ports/compressor.ts";
import { StoreCorrupt } from "../ports/store-failures.ts";
import { type BatchFrame, decodeFrame, isNameless, isWhole, viewRecords } from "./frame.ts";
import { decodePointerNames } from "./pointer-names.ts";

/** A name of a message, as 40 bits (`message/key-hash`). */
export interface NamedRecord {
  /** Which message of the frame it is. */
  readonly ordinal: number;
  readonly hash: number;
}

/** What the messages of a frame are looked up by: each of their keys, and the ids that do not follow from the frame. */
export type FrameNames =
  | { readonly kind: "none" }
  | { readonly kind: "hashes"; readonly entries: readonly NamedRecord[] }
  | { readonly kind: "in object" };

const NO_NAMES: FrameNames = { kind: "none" };
const IN_OBJECT: FrameNames = { kind: "in object" };

type Names = Pick<MessageRecord, "keys" | "messageId">;

export const hasNoName = ({ keys, messageId }: Names): boolean => keys.length === 0 && messageId === undefined;

export function hashesOf(topicUid: string, { keys, messageId }: Names): readonly number[] {
  const hashes = keys.map((key) => keyHash(topicUid, "key", key));
  if (messageId !== undefined) hashes.push(keyHash(topicUid, "id", messageId));
  return hashes;
}

/**
 * What the messages of a frame of a queue are looked up by, in their order. Nothing else of them is decoded. A message that does not
 * decode has no names. Errors: `StoreCorrupt`, as `decodeFrame`.
 */
export function namesInFrame(frame: Uint8Array, topicUid: string, compressor: Compressor): FrameNames {
  if (isNameless(frame) && isWhole(frame)) return NO_NAMES;
  const decoded = decodeFrame(frame, compressor);
  if (decoded.kind === "batch") return namesInBatch(decoded, topicUid);
  if (decoded.names === undefined) return IN_OBJECT;
  return pointedNames(decoded.names, decoded.count);
}

/** The same of a batch that was decoded: the one that a frame without hashes points at. */
export function namesInBatch(batch: BatchFrame, topicUid: string): FrameNames {
  const entries: NamedRecord[] = [];
  viewRecords(
    batch,
    0,
    batch.count,
    (view, ordinal) => {
      if (view.hasNames)
        for (const hash of hashesOf(topicUid, { keys: view.keys, messageId: view.ownId })) entries.push({ ordinal, hash });
      return true;
    },
    () => undefined,
  );
  return entries.length === 0 ? NO_NAMES : { kind: "hashes", entries };
}

function pointedNames(encoded: Uint8Array, count: number): FrameNames {
  try {
    const names = decodePointerNames(encoded, count);
    if (names === "in object") return IN_OBJECT;
    return { kind: "hashes", entries: names.flatMap((hashes, ordinal) => hashes.map((hash) => ({ ordinal, hash }))) };
  } catch (cause) {
    if (cause instanceof RangeError) throw new StoreCorrupt("a pointer frame with malformed names", { cause });
    throw cause;
  }
}
