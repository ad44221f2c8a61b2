import type { FailedWrites, TransactWrite } from "../ports/item-store.ts";
import type { StoreDependencies } from "../store/store-dependencies.ts";
import type { StoreFormat } from "../store/store-format.ts";
import type { Block } from "./block.ts";

/** What appending works with. */
export interface AppendDependencies extends StoreDependencies {
  /** The store's format, which says what may be written. Default: the newest. */
  readonly format?: StoreFormat;
  /** Resolves once the events of this moment are handled. Sends that come meanwhile share a write. Absent: at once. */
  readonly turn?: (() => Promise<void>) | undefined;
}

/** Writes beside an append. They may name the block, whose base is known before the write; the offset is known only after it. */
export type Companions = (block: { readonly base: number }) => readonly TransactWrite[];

/** Frames that are appended to a queue together, or not at all. */
export interface ChainWrite {
  readonly frames: readonly Uint8Array[];
  /** Id of the first frame. After a lost reply, the write's offset is found by it. */
  readonly firstFrameId: Uint8Array;
  /** Messages in all frames. */
  readonly count: number;
  readonly bytes: number;
  /** Store time of the newest frame. */
  readonly storedAtMs: number;
  readonly retentionHours: number;
  /** When a write that certainly did not happen is given up. Default: ten seconds after the start. */
  readonly giveUpAtMs?: number | undefined;
  /** Writes in the same transaction, at most 97. If one is refused, the append is refused too. Absent: no transaction. */
  readonly companions?: Companions | undefined;
}

/** A stored write. `offset`: that of its first message. */
export interface Appended {
  readonly status: "stored";
  readonly offset: number;
  readonly block: Block;
  readonly lostRaces: number;
}

/** A companion's condition did not hold, so nothing was written. */
export interface Refused {
  readonly status: "refused";
  /** One for each companion. */
  readonly currents: FailedWrites;
}

export type ChainWriteResult = Appended | Refused;

/** Joins several writes into one, in order. A write with companions must be alone. */
export function joined([first, ...others]: readonly [ChainWrite, ...ChainWrite[]]): ChainWrite {
  if (others.length === 0) return first;
  const all = [first, ...others];
  return {
    frames: all.flatMap(({ frames }) => frames),
    firstFrameId: first.firstFrameId,
    count: sum(all.map(({ count }) => count)),
    bytes: sum(all.map(({ bytes }) => bytes)),
    storedAtMs: Math.max(...all.map(({ storedAtMs }) => storedAtMs)),
    retentionHours: Math.max(...all.map(({ retentionHours }) => retentionHours)),
    giveUpAtMs: latest(all.map(({ giveUpAtMs }) => giveUpAtMs)),
  };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

/** The latest time; `undefined` if one of them is. */
const latest = (times: readonly (number | undefined)[]): number | undefined =>
  times.reduce((one, other) => (one === undefined || other === undefined ? undefined : Math.max(one, other)));
