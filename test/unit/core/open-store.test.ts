import { expect, it } from "vitest";
import { MemoryItemStore } from "../../../adapters/memory/memory-item-store.ts";
import { FORMAT_KEY } from "../../../core/keys.ts";
import { StoreCorrupt } from "../../../core/ports/store-failures.ts";
import { openStore } from "../../../core/store/open-store.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

const store = () => new MemoryItemStore();

it("makes the signing key once, also when two handlers begin together", async () => {
  const items = store();
  const [a, b] = await Promise.all([openStore(items, new SeededRandom(1)), openStore(items, new SeededRandom(2))]);
  expect(a.signingKey).toHaveLength(32);
  expect(b).toEqual(a);
  expect(await openStore(items, new SeededRandom(3))).toEqual(a);
});

it("refuses a store that a newer version wrote, and says which", async () => {
  const items = store();
  await items.put({ ...FORMAT_KEY, v: 5 });
  await expect(openStore(items, new SeededRandom(1))).rejects.toThrow(StoreCorrupt);
  await expect(openStore(items, new SeededRandom(1))).rejects.toThrow(/format 5.*knows formats 2 to 4/);
});
