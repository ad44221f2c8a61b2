import { generationKey } from "../keys.ts";
import type { Item, ItemStore } from "../ports/item-store.ts";

/**
 * In which way a group's queues are shared. What one number stands for never changes: a raise is made on the number it
 * follows, so that of two at once one fails.
 *
 *   mg#<group uid>  g   [n] number · [fp] fingerprint of what it stands for · [at] when that was looked at, ms
 */
export interface Generation {
  /** 0: nobody was a member yet. */
  readonly number: number;
  readonly fingerprint: string;
  /** Who had expired then stays so: a clock that is behind does not bring them back. */
  readonly decidedAtMs: number;
}

const NONE: Generation = { number: 0, fingerprint: "", decidedAtMs: 0 };

const generationOf = (item: Item | undefined): Generation =>
  item ? { number: item.n as number, fingerprint: item.fp as string, decidedAtMs: item.at as number } : NONE;

export const readGeneration = async (items: ItemStore, groupUid: string): Promise<Generation> =>
  generationOf(await items.get(generationKey(groupUid)));

/** The next generation; or, where another was quicker, that one. */
export async function raiseGeneration(
  items: ItemStore,
  groupUid: string,
  current: Generation,
  { fingerprint, decidedAtMs }: Omit<Generation, "number">,
): Promise<{ readonly ok: boolean; readonly generation: Generation }> {
  const item = { ...generationKey(groupUid), n: current.number + 1, fp: fingerprint, at: decidedAtMs };
  const when =
    current === NONE ? ({ op: "absent", name: "pk" } as const) : ({ op: "=", name: "n", value: current.number } as const);
  const result = await items.put(item, { when: [when] });
  return { ok: result.ok, generation: generationOf(result.ok ? item : result.current) };
}
