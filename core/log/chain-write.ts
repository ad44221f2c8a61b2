import type { FailedWrites, TransactWrite } from "../ports/item-store.ts";
import type { StoreDependencies } from "../store/store-dependencies.ts";
import type { StoreFormat } from "../store/store-format.ts";
import type { Block } from "./block.ts";

/** What appending works with. */
export interface AppendDependencies extends StoreDependencies {
  /** What may be written. Default: the newest. */
  readonly format?: StoreFormat;
}

/** Writes beside an append, which may name the block it goes to: that one is known before, the offset only after. */
export type Companions = (block: { readonly base: number }) => readonly TransactWrite[];

/** Frames that go into a queue together, or not at all. */
export interface ChainWrite {
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

/** The offset of the write's first message. */
export interface Appended {
  readonly status: "stored";
  readonly offset: number;
  readonly block: Block;
  readonly lostRaces: number;
}

/** The condition of a companion did not hold: nothing was written. */
export interface Refused {
  readonly status: "refused";
  /** One for each companion. */
  readonly currents: FailedWrites;
}

export type ChainWriteResult = Appended | Refused;

/** Several writes as one, in their order. None of them has companions, or it is alone. */
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

/** The latest of all; none where one has none. */
const latest = (times: readonly (number | undefined)[]): number | undefined =>
  times.reduce((one, other) => (one === undefined || other === undefined ? undefined : Math.max(one, other)));
