import type { Clock } from "../ports/clock.ts";
import type { Item, ItemStore, TransactWrite } from "../ports/item-store.ts";
import type { Random } from "../ports/random.ts";
import type { StoreFormat } from "../store-format.ts";
import type { Block } from "./block.ts";

/** What appending works with. */
export interface AppendDependencies {
  readonly items: ItemStore;
  readonly clock: Clock;
  readonly random: Random;
  /** What may be written. Default: the newest. */
  readonly format?: StoreFormat;
}

/** Writes beside an append, which may name the block it goes to: that one is known before, the offset only after. */
export type Companions = (block: { readonly base: number }) => readonly TransactWrite[];

/** Frames that go into a queue together, or not at all. */
export interface ChainWrite {
  /** Unique; kept in the block, where it fences repeats of this write. */
  readonly id: string;
  readonly frames: readonly Uint8Array[];
  /** Id of the first frame: finds the write's offset again after a lost reply. */
  readonly firstFrameId: Uint8Array;
  /** Messages in all frames. */
  readonly count: number;
  readonly bytes: number;
  /** Store time of the newest frame. */
  readonly storedAtMs: number;
  readonly retentionHours: number;
  /** A write that certainly did not happen is no longer tried after this time. Default: ten seconds from the start. */
  readonly giveUpAtMs?: number | undefined;
  /** Writes that happen in the same transaction, or else the whole is refused; at most 97. Absent: none, and no transaction. */
  readonly companions?: Companions | undefined;
}

export type ChainWriteResult =
  | { readonly status: "stored"; readonly offset: number; readonly block: Block; readonly lostRaces: number }
  /** A companion's condition did not hold; nothing was written. `currents[i]` is what companion i met, where it failed. */
  | { readonly status: "refused"; readonly currents: readonly ({ readonly current: Item | undefined } | undefined)[] };
