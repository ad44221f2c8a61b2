import { join } from "node:path";
import { ClassicLevel } from "classic-level";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { EmbeddedItemStore } from "../../adapters/embedded/embedded-item-store.ts";
import { itemKey } from "../../adapters/embedded/stored-keys.ts";
import type { Key } from "../../core/ports/item-store.ts";
import { storeDirectory } from "../support/stores/store-directory.ts";
import { together } from "./items/fixture.ts";

const HOUR = 3_600;
const key = (sk: string): Key => ({ pk: "p", sk });
const corrupt = (sk: string) => expect.objectContaining({ name: "StoreCorrupt", key: key(sk) });

let directory: Awaited<ReturnType<typeof storeDirectory>>;
let store: EmbeddedItemStore;

beforeEach(async () => {
  directory = await storeDirectory();
  store = await EmbeddedItemStore.open(directory.path);
  await together(10, (index) => store.put({ ...key(String(index)), x: 100, d: new Uint8Array(10).fill(index) }));
});
afterEach(async () => {
  await store.close();
  await directory.remove();
});

/** Changes stored items as bad memory would, before LevelDB's own checksums cover them. */
async function damage(...sks: string[]): Promise<void> {
  await store.close();
  const level = new ClassicLevel<string, Uint8Array>(join(directory.path, "items"), { valueEncoding: "view" });
  for (const sk of sks) {
    const value = await level.get(itemKey(key(sk)));
    if (value === undefined) throw new Error(`${sk} is not there`);
    value[value.length - 1]! ^= 4;
    await level.put(itemKey(key(sk)), value);
  }
  await level.close();
  store = await EmbeddedItemStore.open(directory.path);
}

describe("an item that cannot be read", () => {
  test("is named by whoever asks for it", async () => {
    await damage("3");
    await expect(store.get(key("3"))).rejects.toThrow(corrupt("3"));
    await expect(store.batchGet([key("2"), key("3")])).rejects.toThrow(corrupt("3"));
  });

  test("leaves the others of its page, and does not count", async () => {
    await damage("0", "3", "5", "9");
    const pages: unknown[] = [];
    for (let from = "", more = true; more; ) {
      const page = await store.query({ pk: "p", from, limit: 3 });
      pages.push([page.items.map(({ sk }) => sk).join(""), (page.damaged ?? []).map(({ sk }) => sk).join("")]);
      from = `${page.items.at(-1)?.sk}\0`;
      more = page.more;
    }
    expect(pages).toEqual([
      ["124", "03"],
      ["678", "5"],
      ["", "9"],
    ]);
    expect(await store.query({ pk: "p", from: "4", to: "6", limit: 9, reverse: true })).toMatchObject({
      items: [{ sk: "6" }, { sk: "4" }],
      more: false,
      damaged: [key("5")],
    });
  });

  test("refuses what depends on it", async () => {
    await damage("3");
    const when = [{ op: "exists", name: "pk" }] as const;
    await expect(store.put({ ...key("3") }, { when })).rejects.toThrow(corrupt("3"));
    await expect(store.delete(key("3"), { when })).rejects.toThrow(corrupt("3"));
    await expect(store.update(key("3"), [{ op: "set", name: "n", value: 1 }])).rejects.toThrow(corrupt("3"));
    const writes = [
      { kind: "put", item: key("new") as Key & Record<string, never> },
      { kind: "check", key: key("3"), when },
    ] as const;
    await expect(store.transact(writes)).rejects.toThrow(corrupt("3"));
    expect(await store.get(key("new"))).toBeUndefined();
  });

  test("is replaced or removed by a write that asks nothing of it", async () => {
    await damage("1", "2", "3", "4");
    expect(await store.put({ ...key("1"), n: 1 })).toEqual({ ok: true });
    expect(await store.delete(key("2"))).toEqual({ ok: true });
    expect(
      await store.transact([
        { kind: "put", item: { ...key("3"), n: 3 } },
        { kind: "delete", key: key("4") },
      ]),
    ).toEqual({ ok: true });
    const page = await store.query({ pk: "p", to: "4", limit: 10 });
    expect(page).toMatchObject({ items: [{ sk: "0" }, { sk: "1", n: 1 }, { sk: "3", n: 3 }], more: false });
    expect(page.damaged).toBeUndefined();
  });

  test("goes when it expires, and one that took its place stays", async () => {
    await damage("1", "2", "3");
    await store.put({ ...key("1"), x: 9_000 });
    await store.delete(key("2"));
    expect(await store.sweepExpired(101 + HOUR, 100)).toBe(10);
    expect(await store.query({ pk: "p", limit: 10 })).toMatchObject({ items: [{ sk: "1" }], more: false });
    expect(await store.sweepExpired(101 + HOUR, 100), "nothing is looked at again").toBe(0);
    expect(await store.sweepExpired(9_001 + HOUR, 100)).toBe(1);
    expect(await store.get(key("1"))).toBeUndefined();
  });
});
