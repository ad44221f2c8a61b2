import type { Compressor } from "../ports/compressor.ts";
import { StoreCorrupt } from "../ports/store-failures.ts";
import type { Block } from "./block.ts";
import { decodeFrame } from "./frame.ts";
import { type FrameNames, type NamedRecord, namesInBatch, namesInFrame } from "./frame-names.ts";
import type { FrameObjects } from "./frame-objects.ts";
import { OBJECT_PAGE_BYTES } from "./log-limits.ts";
import { type Slice, slicesOf } from "./slices.ts";

/** A message, and when it was stored. */
export interface StoredOffset {
  readonly offset: number;
  readonly storedAtMs: number;
}

/** That a message has a key, or an id of its own, with this hash. */
export interface NamedOffset extends StoredOffset {
  readonly hash: number;
}

/** What the messages of a block are looked up by, and what it took to learn it. */
export interface BlockNames {
  readonly named: readonly NamedOffset[];
  /** Read of objects, since frames point at them and do not say it themselves. */
  readonly objectBytes: number;
  /** Messages that may have names, since their frame cannot be read. */
  readonly unreadable: readonly StoredOffset[];
}

/** What one frame says, as that of its block. */
interface NamesRead {
  readonly records: readonly NamedRecord[];
  readonly objectBytes: number;
  readonly isDamaged?: boolean;
}

const UNREADABLE: NamesRead = { records: [], objectBytes: 0, isDamaged: true };

/**
 * Reads what the messages of a block are looked up by. A frame that cannot be read, or has expired with its object, has no names.
 * Errors: `StoreUnavailable`.
 */
export async function namesOfBlock(
  block: Block,
  topicUid: string,
  store: { readonly compressor: Compressor; readonly objects: Pick<FrameObjects, "get"> },
): Promise<BlockNames> {
  const named: NamedOffset[] = [];
  let objectBytes = 0;
  const unreadable: StoredOffset[] = [];
  for (const slice of slicesOf({ blocks: [block], from: block.base, count: block.count })) {
    const { offset, storedAtMs, count } = slice;
    const read = await namesOf(slice, topicUid, store);
    for (const { ordinal, hash } of read.records) named.push({ hash, offset: offset + ordinal, storedAtMs });
    objectBytes += read.objectBytes;
    for (let index = 0; read.isDamaged && index < count; index++) unreadable.push({ offset: offset + index, storedAtMs });
  }
  return { named, objectBytes, unreadable };
}

async function namesOf(
  { frame }: Slice,
  topicUid: string,
  { compressor, objects }: Parameters<typeof namesOfBlock>[2],
): Promise<NamesRead> {
  if (!frame) return UNREADABLE;
  try {
    const names = namesInFrame(frame, topicUid, compressor);
    if (names.kind !== "in object") return { records: recordsOf(names), objectBytes: 0 };
    const pointer = decodeFrame(frame, compressor);
    if (pointer.kind !== "pointer") return UNREADABLE;
    const batch = await objects.get(pointer);
    const objectBytes = Math.max(OBJECT_PAGE_BYTES, pointer.byteLength);
    return { records: batch ? recordsOf(namesInBatch(batch, topicUid)) : [], objectBytes };
  } catch (error) {
    if (StoreCorrupt.is(error)) return UNREADABLE;
    throw error;
  }
}

const recordsOf = (names: FrameNames): readonly NamedRecord[] => (names.kind === "hashes" ? names.entries : []);
