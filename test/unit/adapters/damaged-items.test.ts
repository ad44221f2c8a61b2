import { expect, it } from "vitest";
import { MemoryItemStore } from "../../../adapters/memory/memory-item-store.ts";
import { StoreCorrupt } from "../../../core/ports/store-failures.ts";

const key = (sk: string) => ({ pk: "p", sk });

/** Items a … f, of which b, c and f are damaged. */
async function setUp(): Promise<MemoryItemStore> {
  const items = new MemoryItemStore();
  for (const sk of ["a", "b", "c", "d", "e", "f"]) await items.put({ ...key(sk), n: 1 });
  for (const sk of ["b", "c", "f"]) items.damage(key(sk));
  return items;
}

it("names damaged items in their place, beside the page's items, either way", async () => {
  const items = await setUp();
  const page = async (from: string, limit: number, reverse = false) => {
    const bound = reverse ? { to: from } : { from };
    const { items: found, damaged, more } = await items.query({ pk: "p", ...bound, limit, reverse });
    return [found.map(({ sk }) => sk).join(""), (damaged ?? []).map(({ sk }) => sk).join(""), more];
  };
  expect(await page("a", 1)).toEqual(["a", "", true]);
  expect(await page("a", 2)).toEqual(["ad", "bc", true]);
  expect(await page("b", 2)).toEqual(["de", "bc", true]);
  expect(await page("e", 2)).toEqual(["e", "f", false]);
  expect(await page("f", 2)).toEqual(["", "f", false]);
  expect(await page("f", 1, true)).toEqual(["e", "f", true]);
  expect(await page("d", 2, true)).toEqual(["da", "cb", true]);
});

it("fails every call that must read a damaged item, and lets it be replaced or deleted", async () => {
  const items = await setUp();
  const when = [{ op: "exists", name: "pk" }] as const;
  const calls = [
    () => items.get(key("b")),
    () => items.batchGet([key("a"), key("b")]),
    () => items.update(key("b"), [{ op: "set", name: "n", value: 2 }]),
    () => items.put({ ...key("b"), n: 2 }, { when }),
    () => items.delete(key("b"), { when }),
    () => items.transact([{ kind: "check", key: key("b"), when }]),
  ];
  for (const call of calls) await expect(call()).rejects.toSatisfy((error) => StoreCorrupt.is(error) && error.key?.sk === "b");
  await items.put({ ...key("b"), n: 3 });
  await items.delete(key("c"));
  expect(await items.batchGet([key("b"), key("c")])).toEqual([{ ...key("b"), n: 3 }, undefined]);
});
