import { blockHeadBytes, encodePage, frameBytes, type PageBlock, type PagePlace, pageHeadBytes } from "./page-codec.ts";
import type { Piece } from "./pieces.ts";
import type { PageSettings } from "./segment-limits.ts";

/** A block that frames are added to. */
interface GrowingBlock extends PageBlock {
  count: number;
  readonly frames: Uint8Array[];
}

/** Gathers the pieces of one page, as few blocks of it as store times allow. Frames are kept as views until it is encoded. */
export class PageWriter {
  readonly #place: PagePlace;
  readonly #sizes: PageSettings;
  readonly #blocks: GrowingBlock[] = [];
  /** Of all but the heads of blocks. */
  #bytes: number;
  /** Of the heads of all blocks but the last. */
  #headBytes = 0;
  #count = 0;
  /** The newest store time in the last block; `undefined` where that takes no more frames. */
  #untilMs: number | undefined;

  constructor(place: PagePlace, sizes: PageSettings) {
    this.#place = place;
    this.#sizes = sizes;
    this.#bytes = pageHeadBytes(place);
  }

  get base(): number {
    return this.#place.base;
  }

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    const last = this.#blocks.at(-1);
    return this.#bytes + this.#headBytes + (last ? blockHeadBytes(last) : 0);
  }

  /** Whether the page is better ended before a piece than with it. */
  endsBefore(piece: Piece): boolean {
    const { bytes } = this;
    const { least, most } = this.#sizes;
    return bytes >= least && bytes + blockHeadBytes(piece) + bytesOfFrames(piece) > most;
  }

  add(piece: Piece): void {
    const last = this.#blocks.at(-1);
    this.#count += piece.count;
    this.#bytes += bytesOfFrames(piece);
    if (last && this.#untilMs !== undefined && piece.joins && piece.storedFromMs >= this.#untilMs) {
      last.count += piece.count;
      last.frames.push(...piece.frames);
    } else {
      if (last) this.#headBytes += blockHeadBytes(last);
      const { storedFromMs, unwritten, count, frames } = piece;
      this.#blocks.push({ storedFromMs, unwritten, count, frames: [...frames] });
    }
    this.#untilMs = piece.alone ? undefined : piece.storedFromMs;
  }

  encode(): Uint8Array {
    return encodePage(this.#place, this.#blocks, this.bytes);
  }
}

const bytesOfFrames = ({ frames }: PageBlock): number => frames.reduce((sum, frame) => sum + frameBytes(frame), 0);
