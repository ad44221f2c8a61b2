import { FORMAT_KEY, SIGNING_KEY } from "./keys.ts";
import type { Item, ItemStore } from "./ports/item-store.ts";
import type { Random } from "./ports/random.ts";
import { StoreCorrupt } from "./ports/store-failures.ts";

/** Raised when stored items or frames change in a way that older code must not touch. */
const FORMAT = 2;
const SIGNING_KEY_BYTES = 32;

/** Checks the store's format, or writes it into an empty one, and answers the key that signs handles. */
export async function openStore(items: ItemStore, random: Random): Promise<Uint8Array> {
  // Read first: nearly every start finds both, and a read costs a fifth of a refused write.
  const [knownFormat, knownKey] = await items.batchGet([FORMAT_KEY, SIGNING_KEY]);
  const format = knownFormat ?? (await createOnce(items, { ...FORMAT_KEY, v: FORMAT }));
  if (format.v !== FORMAT) {
    throw new StoreCorrupt(
      `the stored data has format ${String(format.v)}, and this version knows format ${FORMAT}: start the version that wrote it`,
    );
  }
  const signing = knownKey ?? (await createOnce(items, { ...SIGNING_KEY, k: random.bytes(SIGNING_KEY_BYTES) }));
  return signing.k as Uint8Array;
}

/** The item as it is stored: this one, or that of whoever came first. */
async function createOnce(items: ItemStore, item: Item): Promise<Item> {
  const result = await items.put(item, { when: [{ op: "absent", name: "pk" }] });
  return result.ok ? item : (result.current as Item);
}
