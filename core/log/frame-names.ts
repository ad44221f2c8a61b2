import { ByteReader } from "../bytes/byte-reader.ts";
import { keyHash } from "../message/key-hash.ts";
import { readRecord } from "../message/record-codec.ts";
import type { Compressor } from "../ports/compressor.ts";
import { type BatchFrame, decodeFrame } from "./frame.ts";
export type FrameNames =
  | { readonly kind: "none" }
  | { readonly kind: "hashes"; readonly entries: readonly { readonly ordinal: number; readonly hash: number }[] }
  | { readonly kind: "in object" };
export function namesInFrame(frame: Uint8Array, topicUid: string, compressor: Compressor): FrameNames {
  const decoded = decodeFrame(frame, compressor);
  if (decoded.kind === "pointer") return { kind: "in object" };
  return { kind: "hashes", entries: namesInBatch(decoded, topicUid) };
}
export function namesInBatch(
  batch: BatchFrame,
  topicUid: string,
): readonly { readonly ordinal: number; readonly hash: number }[] {
  const entries: { ordinal: number; hash: number }[] = [];
  for (let ordinal = 0; ordinal < batch.count; ordinal++) {
    const reader = new ByteReader(batch.records);
    reader.seek(batch.starts[ordinal] as number);
    const { messageId, keys } = readRecord(reader, 0);
    for (const key of keys) entries.push({ ordinal, hash: keyHash(topicUid, "key", key) });
    if (messageId !== undefined) entries.push({ ordinal, hash: keyHash(topicUid, "id", messageId) });
  }
  return entries;
}
