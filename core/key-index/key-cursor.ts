import type { ObjectStore } from "../ports/object-store.ts";
import { StoreCorrupt } from "../ports/store-failures.ts";
import { CHUNK_ENTRIES, KEY_CHUNK_BYTES, type KeyEntry, KeySlice, keySectionBytes } from "../segments/key-section.ts";
import { hashBehind, type KeyFile, type KeyPart } from "./key-file.ts";

/** Chunks per read while a place is searched: with keys spread evenly it is nearly always among them. */
const SEARCH_CHUNKS = 8;
/** Of three guesses one halves what is left, so that no distribution of keys makes a search long. */
const GUESSES_PER_HALVING = 3;

/** What was read last of a part, and the entry in it that comes next. */
interface Place {
  readonly slice: KeySlice;
  /** The chunk behind the slice. */
  readonly endChunk: number;
  readonly index: number;
}

export interface KeyStretch {
  readonly from: KeyEntry;
  /** No part is read all of whose hashes are above it. */
  readonly highestHash: number;
  /** How many chunks a read brings of those behind the first. */
  readonly chunksPerRead?: number;
}

/** Reads the entries of a file in order, from the first one on that is not in front of `from`. Errors: `StoreUnavailable`, `StoreCorrupt`. */
export class KeyCursor {
  readonly #objects: ObjectStore;
  readonly #file: KeyFile;
  readonly #stretch: KeyStretch;
  #part: number;
  #place: Place | undefined;
  #index = 0;

  constructor(objects: ObjectStore, file: KeyFile, stretch: KeyStretch) {
    this.#objects = objects;
    this.#file = file;
    this.#stretch = stretch;
    // An entry with the lowest hash of a part may have others of its hash in the part before.
    this.#part = Math.max(
      0,
      file.parts.findLastIndex(({ lowestHash }) => lowestHash < stretch.from.hash),
    );
  }

  /** `undefined` behind the last. At once where it was read already. */
  next(): KeyEntry | Promise<KeyEntry | undefined> {
    const place = this.#place;
    return place && this.#index < place.slice.count ? place.slice.entry(this.#index++) : this.#readNext();
  }

  async #readNext(): Promise<KeyEntry | undefined> {
    for (;;) {
      const part = this.#file.parts[this.#part];
      if (!part || part.lowestHash > this.#stretch.highestHash) return undefined;
      const chunk = this.#place?.endChunk;
      if (chunk === undefined) this.#place = await this.#search(part);
      else if (chunk < chunksOf(part)) this.#place = await this.#read(part, chunk, this.#stretch.chunksPerRead ?? SEARCH_CHUNKS);
      else this.#place = undefined;
      if (this.#place) {
        this.#index = this.#place.index;
        return this.#place.slice.entry(this.#index++);
      }
      this.#part++;
    }
  }

  /** Where the first entry of the part is that is not in front; `undefined` if all are. */
  async #search(part: KeyPart): Promise<Place | undefined> {
    const target = this.#stretch.from;
    let found: Place | undefined;
    let [low, high] = [0, chunksOf(part)];
    let [lowHash, highHash] = [part.lowestHash, hashBehind(this.#file, this.#part)];
    for (let guesses = 1; low < high; guesses++) {
      const even = highHash > lowHash ? (target.hash - lowHash) / (highHash - lowHash) : 0;
      const share = guesses % GUESSES_PER_HALVING === 0 ? 0.5 : Math.min(1, Math.max(0, even));
      const middle = low + Math.floor((high - low) * share);
      const first = Math.max(low, Math.min(middle - SEARCH_CHUNKS / 2, high - SEARCH_CHUNKS));
      const place = await this.#read(part, first, Math.min(SEARCH_CHUNKS, high - first));
      const before = place.slice.countBefore(target);
      if (before === place.slice.count) {
        low = place.endChunk;
        lowHash = place.slice.entry(before - 1).hash;
      } else {
        found = { ...place, index: before };
        if (before > 0) return found;
        high = first;
        highHash = place.slice.entry(0).hash;
      }
    }
    return found;
  }

  /** Keys that do not decode are read once more: they may have been garbled on the way. */
  async #read(part: KeyPart, chunk: number, chunks: number): Promise<Place> {
    try {
      return await this.#readOnce(part, chunk, chunks);
    } catch (error) {
      if (!StoreCorrupt.is(error)) throw error;
      return this.#readOnce(part, chunk, chunks);
    }
  }

  async #readOnce(part: KeyPart, chunk: number, chunks: number): Promise<Place> {
    const { objectKey, byteOffset, count } = part;
    const endChunk = Math.min(chunksOf(part), chunk + chunks);
    const byteLength = keySectionBytes(Math.min(count, endChunk * CHUNK_ENTRIES)) - keySectionBytes(chunk * CHUNK_ENTRIES);
    const bytes = await this.#objects.getRange(objectKey, byteOffset + chunk * KEY_CHUNK_BYTES, byteLength);
    if (!bytes) throw new StoreCorrupt(`object ${objectKey} is gone while key file ${this.#file.name} has not expired`);
    return { slice: new KeySlice(bytes, { firstChunk: chunk, byteLength }, objectKey), endChunk, index: 0 };
  }
}

const chunksOf = ({ count }: KeyPart): number => Math.ceil(count / CHUNK_ENTRIES);
