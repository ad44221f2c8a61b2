import { ByteReader } from "../bytes/byte-reader.ts";
import { ByteWriter } from "../bytes/byte-writer.ts";
import { crc32c } from "../bytes/crc32c.ts";
import { bytesOf, countOf, PAGE_ENTRY_BYTES_MAX, readPageList, writePageList } from "./page-list.ts";
import { corruptPart, decoding, SEGMENT_HEAD, type SegmentRun } from "./segment-format.ts";
import type { SegmentTrailer } from "./trailer.ts";

/** The most that the directory takes for a run of so many pages. */
export const runBytesMax = ({ topicUid, topic }: Pick<SegmentRun, "topicUid" | "topic">, pages: number): number =>
  (topicUid.length + topic.length) * 3 + 40 + pages * PAGE_ENTRY_BYTES_MAX;

export function encodeDirectory(runs: readonly SegmentRun[]): Uint8Array {
  const out = new ByteWriter();
  out.varint(runs.length);
  for (const { topicUid, topic, queueId, base, storedFromMs, pages } of runs) {
    out.text(topicUid);
    out.text(topic);
    out.varint(queueId);
    out.varint(base);
    out.u48(storedFromMs);
    writePageList(out, pages, storedFromMs);
  }
  return out.view();
}

/** All runs of a segment. Errors: `StoreCorrupt`, which names the segment, for bytes that are not the directory of the trailer. */
export function decodeDirectory(bytes: Uint8Array, trailer: SegmentTrailer, objectKey: string): readonly SegmentRun[] {
  const part = { what: "the directory", objectKey };
  if (bytes.length !== trailer.directory.byteLength || crc32c(bytes) !== trailer.directory.checksum)
    throw corruptPart(part, "has a wrong checksum");
  return decoding(part, () => {
    const reader = new ByteReader(bytes);
    const runs: SegmentRun[] = [];
    let byteOffset = SEGMENT_HEAD.length;
    for (let left = reader.varint(); left > 0; left--) {
      const run = readRun(reader, byteOffset);
      runs.push(run);
      byteOffset += bytesOf(run.pages);
    }
    if (reader.remaining > 0 || byteOffset !== trailer.keys.byteOffset) throw corruptPart(part, "is of other pages");
    return runs;
  });
}

function readRun(reader: ByteReader, byteOffset: number): SegmentRun {
  const [topicUid, topic, queueId, base, storedFromMs] = [
    reader.text(),
    reader.text(),
    reader.varint(),
    reader.varint(),
    reader.u48(),
  ];
  const pages = readPageList(reader, { base, byteOffset, storedFromMs });
  const storedUntilMs = pages.at(-1)?.storedUntilMs ?? storedFromMs;
  return { topicUid, topic, queueId, base, count: countOf(pages), storedFromMs, storedUntilMs, pages };
}
