import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { EmbeddedItemStore } from "../../adapters/embedded/embedded-item-store.ts";
import { EmbeddedObjectStore } from "../../adapters/embedded/embedded-object-store.ts";
import { FreeSpace } from "../../adapters/embedded/free-space.ts";
import { PowerCutDisk } from "../support/faults/power-cut.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { storeDirectory } from "../support/stores/store-directory.ts";
import { objectsIn, wholeObject } from "../support/stores/stored-objects.ts";
import { together } from "./items/fixture.ts";

let directory: Awaited<ReturnType<typeof storeDirectory>>;
let disk: PowerCutDisk;
let data: string;

beforeEach(async () => {
  directory = await storeDirectory();
  data = join(directory.path, "data");
  disk = await PowerCutDisk.over(directory.path);
});
afterEach(() => directory.remove());

const openItems = () => EmbeddedItemStore.open(data, { disk, reserveBytes: 0 });
const openObjects = async () => EmbeddedObjectStore.open(data, { disk, space: await FreeSpace.watch(data, 0) });
const bytes = (fill: number) => new Uint8Array(100).fill(fill);

describe("a power cut takes back nothing that was acknowledged", () => {
  test("items", async () => {
    let items = await openItems();
    for (let round = 0; round < 3; round++) {
      await together(20, (index) => items.put({ pk: "p", sk: `${round}-${index}`, n: 0 }));
      await items.update({ pk: "p", sk: `${round}-0` }, [{ op: "increment", name: "n", by: 1 }]);
      await items.delete({ pk: "p", sk: `${round}-1` });
      await items.transact([
        { kind: "put", item: { pk: "q", sk: String(round) } },
        { kind: "delete", key: { pk: "p", sk: `${round}-2` } },
      ]);
      const before = await items.query({ pk: "p", limit: 100 });
      await items.close();
      await disk.cutPower();
      items = await openItems();
      expect(await items.query({ pk: "p", limit: 100 })).toEqual(before);
      expect(before.items).toHaveLength(18 * (round + 1));
      expect(await items.get({ pk: "q", sk: String(round) })).toBeDefined();
    }
    await items.close();
  });

  test("objects", async () => {
    let objects = await openObjects();
    await objects.put("a/kept", bytes(1));
    await objects.put("a/replaced", bytes(1));
    await objects.put("a/replaced", bytes(2));
    const large = new SeededRandom(1).bytes(2_500_000);
    await objects.put("a/large", large);
    await together(20, (index) => objects.put(`log/${index % 3}/deep/${index}`, bytes(index)));
    await disk.cutPower();
    objects = await openObjects();
    expect(await wholeObject(objects, "a/kept")).toEqual(bytes(1));
    expect(await wholeObject(objects, "a/replaced")).toEqual(bytes(2));
    expect(Buffer.from((await objects.getRange("a/large", 0, 3_000_000)) ?? []).equals(large)).toBe(true);
    for (let index = 0; index < 20; index++) {
      expect(await wholeObject(objects, `log/${index % 3}/deep/${index}`)).toEqual(bytes(index));
    }
    // One more start and one more cut: nothing that the first start found was only on its way.
    await disk.cutPower();
    await openObjects();
    expect(await objectsIn(data)).toHaveLength(23);
  });
});

describe("the disk of these tests loses what was not synced", () => {
  test("a batch", async () => {
    await mkdir(data);
    const write = async (key: string, sync: boolean) => {
      const level = disk.database(data, { valueEncoding: "view" });
      await level.batch([{ type: "put", key, value: bytes(1) }], { sync });
      await level.close();
    };
    await write("synced", true);
    await write("unsynced", false);
    const level = disk.database(data, { valueEncoding: "view" });
    expect(await level.keys().all()).toEqual(["synced"]);
    await level.close();
  });

  test("a file's bytes, its name, a folder, a new name, and that a name is gone", async () => {
    await mkdir(data);
    const create = async (name: string, sync: boolean) => {
      const file = await disk.create(join(data, name));
      await file.writeFile(bytes(1));
      if (sync) await file.datasync();
      await file.close();
    };
    for (const name of ["a", "b", "c"]) await create(name, true);
    await disk.syncFolder(data);
    await disk.mkdir(join(data, "folder"));
    await create("new", true);
    await disk.rename(join(data, "b"), join(data, "c"));
    await disk.unlink(join(data, "a"));
    expect((await readdir(data)).sort()).toEqual(["c", "folder", "new"]);
    await disk.cutPower();
    expect((await readdir(data)).sort()).toEqual(["a", "b", "c"]);
  });
});
