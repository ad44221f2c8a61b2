import type { Clock } from "../ports/clock.ts";
import type { Compressor } from "../ports/compressor.ts";
import type { ItemStore } from "../ports/item-store.ts";
import type { ObjectStore } from "../ports/object-store.ts";
import type { Random } from "../ports/random.ts";
import type { StoreFormat } from "../store/store-format.ts";

export interface LogDependencies {
  readonly items: ItemStore;
  readonly objects: ObjectStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly compressor: Compressor;
  /** The store's format. Default: the newest. */
  readonly format?: StoreFormat;
}

/** The sizes above which a frame is packed, or goes to the object store. */
export interface LogSettings {
  /** Frames above it go to the object store. */
  readonly inlineFrameBytesMax: number;
  /** The same for frames that are appended in a transaction with other writes. */
  readonly transactedInlineBytesMax: number;
  /** The same for frames that are not in a queue. */
  readonly detachedInlineBytesMax: number;
  /** Pack frames of this many bytes and more; `Infinity` never packs. */
  readonly packFromBytes: number;
}
