import { utimes } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { EmbeddedItemStore } from "../../adapters/embedded/embedded-item-store.ts";
import { EmbeddedObjectStore } from "../../adapters/embedded/embedded-object-store.ts";
import { StoreMisuse } from "../../core/ports/store-failures.ts";
import { storeDirectory } from "../support/stores/store-directory.ts";
import { objectsIn } from "../support/stores/stored-objects.ts";
import { together } from "./items/fixture.ts";

const NOW = 1_800_000_000;
const HOUR = 3_600;

let directory: Awaited<ReturnType<typeof storeDirectory>>;
let store: EmbeddedItemStore;

beforeEach(async () => {
  directory = await storeDirectory();
  store = await EmbeddedItemStore.open(directory.path);
});
afterEach(async () => {
  await store.close();
  await directory.remove();
});

const left = async (): Promise<string[]> => (await store.query({ pk: "p", limit: 1_000 })).items.map((item) => item.sk);

describe("sweeping expired items", () => {
  test("deletes what expired more than an hour ago, whatever else there is", async () => {
    const expiries: Record<string, number | string> = {
      old: 0,
      expired: NOW - HOUR - 1,
      grace: NOW - HOUR,
      just: NOW - 1,
      later: NOW + 1,
      fraction: NOW - HOUR - 0.5,
      text: "1",
      negative: -1,
      endless: 1e15,
    };
    for (const [sk, x] of Object.entries(expiries)) await store.put({ pk: "p", sk, x });
    await store.put({ pk: "p", sk: "none" });
    expect(await store.sweepExpired(NOW, 100)).toBe(3);
    expect(await left()).toEqual(["endless", "grace", "just", "later", "negative", "none", "text"]);
    expect(await store.sweepExpired(NOW, 100)).toBe(0);
  });

  test("takes the soonest expired first, as many as asked for", async () => {
    await together(10, (index) => store.put({ pk: "p", sk: String(9 - index), x: 1_000 + index }));
    expect(await store.sweepExpired(NOW, 4)).toBe(4);
    expect(await left()).toEqual(["0", "1", "2", "3", "4", "5"]);
    expect(await store.sweepExpired(NOW, 100)).toBe(6);
    expect(await left()).toEqual([]);
    expect(await store.sweepExpired(NOW, 100)).toBe(0);
  });

  test("follows an item's expiry as it is put, moved, removed and put again", async () => {
    const key = { pk: "p", sk: "a" };
    await store.put({ ...key, x: 1_000 });
    await store.update(key, [{ op: "set", name: "x", value: NOW }]);
    expect(await store.sweepExpired(NOW, 100)).toBe(0);
    await store.update(key, [{ op: "remove", name: "x" }]);
    expect(await store.sweepExpired(NOW * 2, 100)).toBe(0);
    // Several changes that become durable together.
    await Promise.all([
      store.put({ ...key, x: 1_000 }),
      store.delete(key),
      store.put({ ...key, x: 2_000 }),
      store.update(key, [{ op: "set", name: "x", value: NOW }]),
    ]);
    expect(await store.sweepExpired(NOW, 100)).toBe(0);
    expect(await left()).toEqual(["a"]);
    expect(await store.sweepExpired(NOW + 2 * HOUR, 100)).toBe(1);
    expect(await left()).toEqual([]);
  });

  test("spares an item that was given a longer life meanwhile", async () => {
    await together(50, (index) => store.put({ pk: "p", sk: String(index), x: 1_000 }));
    const extend = (index: number) =>
      store.update({ pk: "p", sk: String(index) }, [{ op: "set", name: "x", value: NOW }], {
        when: [{ op: "exists", name: "x" }],
      });
    const [swept, results] = await Promise.all([store.sweepExpired(NOW, 100), together(50, extend)]);
    expect(swept).toBe(50);
    const extended = results.flatMap((result, index) => (result.ok ? [String(index)] : []));
    expect(await left()).toEqual(extended.sort());
  });

  test("knows what it has to sweep after a restart", async () => {
    await store.put({ pk: "p", sk: "a", x: 1_000 });
    await store.close();
    store = await EmbeddedItemStore.open(directory.path);
    expect(await store.sweepExpired(NOW, 100)).toBe(1);
    expect(await left()).toEqual([]);
  });

  test("shows none of its index to queries", async () => {
    await store.put({ pk: "x", sk: "a", x: 1_000 });
    await store.put({ pk: "i", sk: "a", x: 1_000 });
    for (const pk of ["x", "i"]) expect((await store.query({ pk, limit: 10 })).items).toEqual([{ pk, sk: "a", x: 1_000 }]);
  });
});

describe("sweeping folders of objects", () => {
  test("deletes those that two sweeps found to be over, and no other", async () => {
    const objects = await EmbeddedObjectStore.open(directory.path);
    const keys = ["log/r4/100/a", "log/r4/100/b", "log/r4/200/c", "log/r4/flat", "log/r7/100/d"];
    for (const key of keys) await objects.put(key, new Uint8Array(1));
    const sweep = () => objects.sweepFolders("log/r4/", (name) => Number(name) < 150);
    await sweep();
    expect(await objectsIn(directory.path)).toEqual(keys);
    await sweep();
    expect(await objectsIn(directory.path)).toEqual(["log/r4/200/c", "log/r4/flat", "log/r7/100/d"]);
    await objects.put("log/r4/100/late", new Uint8Array(1));
    await sweep();
    expect(await objectsIn(directory.path)).toContain("log/r4/100/late");
    await objects.sweepFolders("log/none/", () => true);
  });
});

describe("sweeping old objects", () => {
  test("deletes those of the folder that were last written before", async () => {
    const objects = await EmbeddedObjectStore.open(directory.path);
    const keys = ["log/r4/a", "log/r4/b", "log/r4/deep/c", "log/r40/d", "log/r7/e", "log/r4"];
    for (const key of keys) {
      await objects.put(key, new Uint8Array(1));
      await utimes(join(directory.path, "objects", `${key}@`), 1_000, key === "log/r4/b" ? 3_000 : 1_000);
    }
    expect(await objects.sweepOlderThan("log/r4/", 2_000_000)).toBe(1);
    expect(await objectsIn(directory.path)).toEqual(["log/r4", "log/r4/b", "log/r4/deep/c", "log/r40/d", "log/r7/e"]);
    expect(await objects.sweepOlderThan("log/r4", 4_000_000)).toBe(1);
    expect(await objects.sweepOlderThan("log/none/", 4_000_000)).toBe(0);
    await expect(objects.sweepOlderThan("../", 4_000_000)).rejects.toThrow(StoreMisuse);
  });
});
