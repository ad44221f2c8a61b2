import { FORMAT_KEY, SIGNING_KEY, TIMER_SHARDS_KEY } from "../keys.ts";
import type { Item, ItemStore } from "../ports/item-store.ts";
import type { Random } from "../ports/random.ts";
import { TimerShards } from "../timer/timer-shards.ts";
import { formatOf, NEWEST_FORMAT_ITEM, type StoreFormat } from "./store-format.ts";

const SIGNING_KEY_BYTES = 32;

export interface OpenedStore {
  readonly format: StoreFormat;
  /** Signs handles and cursors. */
  readonly signingKey: Uint8Array;
  readonly timerShards: TimerShards;
}

/** Checks the store's format, or writes the newest into an empty one. Errors: `StoreCorrupt` for an unknown one; `StoreUnavailable`. */
export async function openStore(items: ItemStore, random: Random): Promise<OpenedStore> {
  // Reads before it writes: nearly every start finds the first two, and a read costs a fifth of a refused write.
  const [knownFormat, knownKey, shards] = await items.batchGet([FORMAT_KEY, SIGNING_KEY, TIMER_SHARDS_KEY]);
  const format = formatOf(knownFormat ?? (await createOnce(items, NEWEST_FORMAT_ITEM)));
  const signing = knownKey ?? (await createOnce(items, { ...SIGNING_KEY, k: random.bytes(SIGNING_KEY_BYTES) }));
  return { format, signingKey: signing.k as Uint8Array, timerShards: new TimerShards(shards) };
}

/** The stored item: this one, or that of a process that was first. */
async function createOnce(items: ItemStore, item: Item): Promise<Item> {
  const result = await items.put(item, { when: [{ op: "absent", name: "pk" }] });
  return result.ok ? item : (result.current as Item);
}
