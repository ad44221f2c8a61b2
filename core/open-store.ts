import { FORMAT_KEY, SIGNING_KEY } from "./keys.ts";
import type { ItemStore } from "./ports/item-store.ts";
import type { Random } from "./ports/random.ts";
import { StoreCorrupt } from "./ports/store-failures.ts";

/** Raised when stored items or frames change in a way that older code must not touch. */
const FORMAT = 1;
const SIGNING_KEY_BYTES = 32;

/** Checks the store's format, or writes it into an empty one, and answers the key that signs handles. */
export async function openStore(items: ItemStore, random: Random): Promise<Uint8Array> {
  const format = await items.put({ ...FORMAT_KEY, v: FORMAT }, { when: [{ op: "absent", name: "pk" }] });
  const found = format.ok ? FORMAT : format.current?.v;
  if (found !== FORMAT) {
    throw new StoreCorrupt(
      `the stored data has format ${String(found)}, and this version knows format ${FORMAT}: start the version that wrote it`,
    );
  }
  const key = random.bytes(SIGNING_KEY_BYTES);
  const signing = await items.put({ ...SIGNING_KEY, k: key }, { when: [{ op: "absent", name: "pk" }] });
  return signing.ok ? key : (signing.current?.k as Uint8Array);
}
