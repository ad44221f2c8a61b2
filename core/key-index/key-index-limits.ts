/** Limits of the index of keys. */

const KIB = 1_024;

/** What is merged together. A history of few messages wants less. */
export interface MergeSettings {
  /** So many files of a level are merged into one of the next. */
  readonly files: number;
  /** Entries of a merged file's object. */
  readonly entries: number;
}
/** 460,000 entries are 8 MB. */
export const MERGE_SETTINGS: MergeSettings = { files: 16, entries: 460_000 };
/** Files of more objects than this are not merged: the item of the merged file would be too large. */
export const PARTS_MAX = 4_000;
/** Files of this level are not merged: one of them has the keys of sixteen to the ninth segments. */
export const LEVELS_MAX = 9;
/** Files read by one query. */
export const FILES_PER_PAGE = 200;
/** Of each file that is merged, chunks read at once: 256 KB. */
export const MERGE_CHUNKS = 64;
/** Entries that are merged between two looks at who else wants the processor. */
export const ENTRIES_PER_PAUSE = 2_000;
/** Files, and queues, that one lookup reads at once. */
export const FILES_AT_ONCE = 16;
/**
 * Offsets that a lookup reads at once of a queue of what is not rolled yet, and of all queues of a topic. In a gap, where nothing is
 * stored, it reads more and more of them, up to the last one.
 */
export const STRIDE = { least: 16, most: 1_024, together: 8_192, gap: 4_096 } as const;
/** Bytes of what is not rolled yet that one step of a lookup reads, and messages that it finds. */
export const STEP_BYTES = 8 * KIB * KIB;
export const FOUND_PER_STEP = 64;
/** Full blocks whose names one process keeps: so many bytes, those of a name and of an empty block in memory included. */
export const KNOWN_NAMES = { bytes: 16 * KIB * KIB, nameBytes: 90, blockBytes: 150 } as const;
