import { generationKey } from "../keys.ts";
import type { Condition, Item, ItemStore, TransactWrite } from "../ports/item-store.ts";

/**
 * The way in which a group's queues are shared. The meaning of a number never changes: a raise requires the number that it follows, so
 * of two at once one fails.
 *
 *   mg#<group uid>  g   [n] number · [fp] fingerprint of what it stands for · [at] when that was looked at, ms
 */
export interface Generation {
  /** 0: nobody was a member yet. */
  readonly number: number;
  readonly fingerprint: string;
  /** Members that had expired then stay expired: a clock that is behind does not bring them back. */
  readonly decidedAtMs: number;
}

const NONE: Generation = { number: 0, fingerprint: "", decidedAtMs: 0 };

const generationOf = (item: Item | undefined): Generation =>
  item ? { number: item.n as number, fingerprint: item.fp as string, decidedAtMs: item.at as number } : NONE;

export const readGeneration = async (items: ItemStore, groupUid: string): Promise<Generation> =>
  generationOf(await items.get(generationKey(groupUid)));

/** Raises the generation. Answers the new one, or that of another client that was quicker. */
export async function raiseGeneration(
  items: ItemStore,
  groupUid: string,
  current: Generation,
  { fingerprint, decidedAtMs }: Omit<Generation, "number">,
): Promise<{ readonly ok: boolean; readonly generation: Generation }> {
  const item = { ...generationKey(groupUid), n: current.number + 1, fp: fingerprint, at: decidedAtMs };
  const result = await items.put(item, { when: stillCurrent(current) });
  return { ok: result.ok, generation: generationOf(result.ok ? item : result.current) };
}

const stillCurrent = ({ number }: Generation): readonly Condition[] => [
  number === 0 ? { op: "absent", name: "pk" } : { op: "=", name: "n", value: number },
];

/** As a part of a transaction: it takes effect only in this generation. */
export const inGeneration = (groupUid: string, current: Generation): TransactWrite => ({
  kind: "check",
  key: generationKey(groupUid),
  when: stillCurrent(current),
});

/**
 * As a part of a transaction: it ends this generation, and the next one stands for the same sharing. Where there is none yet, nobody has
 * learned of one.
 */
export const endingGeneration = (groupUid: string, current: Generation): TransactWrite =>
  current.number === 0
    ? inGeneration(groupUid, current)
    : {
        kind: "update",
        key: generationKey(groupUid),
        changes: [{ op: "increment", name: "n", by: 1 }],
        when: stillCurrent(current),
      };
