import type { Compressor } from "../ports/compressor.ts";
import type { ObjectStore } from "../ports/object-store.ts";
import type { LookBehind } from "../segments/segment-limits.ts";
import { NEWEST_FORMAT } from "../store/store-format.ts";
import type { AppendDependencies } from "./chain-write.ts";

/** What the log works with. */
export interface LogDependencies extends AppendDependencies {
  readonly objects: ObjectStore;
  readonly compressor: Compressor;
}

/** Whether ids name their topic and queue, and frames say what their messages are looked up by. */
export const namesMessages = ({ format }: Pick<LogDependencies, "format">): boolean => (format?.version ?? NEWEST_FORMAT) >= 4;

/** The sizes above which a frame is packed, or goes to the object store. */
export interface LogSettings {
  /** No other process can write to the store. Default: false. */
  readonly soleProcess?: boolean;
  /** Frames above it go to the object store. */
  readonly inlineFrameBytesMax: number;
  /** The same for frames that are appended in a transaction with other writes. */
  readonly transactedInlineBytesMax: number;
  /** The same for frames that are not in a queue. */
  readonly detachedInlineBytesMax: number;
  /** Pack frames of this many bytes and more; `Infinity` never packs. */
  readonly packFromBytes: number;
  /** A sender hints that a queue may be rolled when its offset passes a multiple of this. Absent: it does not. */
  readonly rollHintMessages?: number | undefined;
  /** Default: LOOK_BEHIND. */
  readonly lookBehind?: LookBehind | undefined;
}
