import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, stat, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, type TestContext, test, vi } from "vitest";
import { EmbeddedItemStore } from "../../adapters/embedded/embedded-item-store.ts";
import type { Item, ItemStore } from "../../core/ports/item-store.ts";
import { StoreUnavailable } from "../../core/ports/store-failures.ts";
import { everyItem } from "../../core/store/every-item.ts";
import { systemClock } from "../../functions/runtime/clock.ts";
import { backUp } from "../../functions/stores/backup.ts";
import { openEmbeddedStores } from "../../functions/stores/embedded-stores.ts";
import { hookedDisk } from "../support/faults/hooked-disk.ts";
import { PowerCutDisk } from "../support/faults/power-cut.ts";
import { smallDisk } from "../support/faults/small-disk.ts";
import { storeDirectory } from "../support/stores/store-directory.ts";
import { objectsIn, wholeObject } from "../support/stores/stored-objects.ts";
import { together } from "./items/fixture.ts";

const MIB = 1024 * 1024;
const NOT_FINISHED = /is a backup that was not finished/;

let directory: Awaited<ReturnType<typeof storeDirectory>>;
let data: string;
let target: string;

beforeEach(async () => {
  directory = await storeDirectory();
  data = join(directory.path, "data");
  target = join(directory.path, "backups", "monday");
});
afterEach(() => directory.remove());

const itemsOf = async (items: ItemStore, pk: string): Promise<Item[]> => {
  const found: Item[] = [];
  for await (const item of everyItem(items, { pk, limit: 1_000 })) found.push(item);
  return found;
};

/** Some items, in several batches of a backup, and some objects. */
async function fill({ items, objects }: Awaited<ReturnType<typeof openEmbeddedStores>>, megabytes: number): Promise<void> {
  await together(megabytes * 10, (index) =>
    items.put({ pk: "m", sk: `filler-${index}`, d: new Uint8Array(100_000).fill(index) }),
  );
  await items.put({ pk: "expiring", sk: "0", x: 9_999_999_999 });
  await together(5, (index) => objects.put(`log/r${index % 2}/1/${index}`, new Uint8Array(1_000).fill(index)));
}

/** The whole store of a folder: items and objects, large values as their digests. */
async function contents(folder: string) {
  const { items, objects, close } = await openEmbeddedStores(folder);
  const large = (await itemsOf(items, "m")).map(({ sk, d }) => [sk, digest(d as Uint8Array)]);
  const small = digest(Buffer.from(JSON.stringify(await itemsOf(items, "small"))));
  const expiring = await itemsOf(items, "expiring");
  const keys = await objectsIn(folder);
  const bytes = await Promise.all(keys.map((key) => wholeObject(objects, key)));
  await close();
  return { large, small, expiring, objects: keys.map((key, index) => [key, digest(bytes[index]!)]) };
}

const digest = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("base64url");

/** A folder on a disk of its own. */
async function otherDisk(megabytes: number, context: TestContext): Promise<string> {
  const disk = await smallDisk(megabytes);
  if ("unavailable" in disk) return context.skip(`skipped: ${disk.unavailable}`);
  context.onTestFinished(() => disk.remove());
  return join(disk.path, "backup");
}

describe("a backup", () => {
  test.each(["a running server", "a folder without a server"])("of %s has every item and object", async (of) => {
    const stores = await openEmbeddedStores(data);
    await fill(stores, 3);
    // More than one iterator of the source reads.
    await together(20_000, (index) => stores.items.put({ pk: "small", sk: String(index), n: index }));
    if (of !== "a running server") await stores.close();
    const takenAtMs = Date.now();
    expect(await backUp(data, target, { nowMs: () => takenAtMs })).toEqual({ takenAtMs, items: 20_031, objects: 5 });
    if (of === "a running server") await stores.close();
    expect(await contents(target)).toEqual(await contents(data));
    expect((await stat(target)).mode & 0o777).toBe(0o700);
    const marker = JSON.parse(await readFile(join(target, "BACKUP"), "utf8"));
    expect(marker).toEqual({ complete: true, takenAt: new Date(takenAtMs).toISOString(), items: 20_031, objects: 5 });
  });

  test("is one state of the store, while transactions go on, and has all that was acknowledged before", async () => {
    const { items, close, ...stores } = await openEmbeddedStores(data);
    await fill({ items, close, ...stores }, 8);
    for (const pk of ["a", "z"]) await items.put({ pk, sk: "n", n: 0 });
    let written = 0;
    /** Changes items at both ends of the store, and one in its middle. */
    const transaction = async () => {
      written += 1;
      const increment = (pk: string) =>
        ({ kind: "update", key: { pk, sk: "n" }, changes: [{ op: "increment", name: "n", by: 1 }] }) as const;
      const item = { pk: "counted", sk: String(written) };
      expect(await items.transact([increment("a"), { kind: "put", item }, increment("z")])).toEqual({ ok: true });
    };
    await together(20, transaction);
    let batches = 0;
    const disk = hookedDisk(async (operation) => {
      if (operation !== "batch") return;
      batches += 1;
      await together(20, transaction);
    });
    await backUp(data, target, systemClock, { disk });
    expect(batches).toBeGreaterThan(5);
    await close();

    const copy = await openEmbeddedStores(target);
    const counted = (await itemsOf(copy.items, "counted")).length;
    expect(counted).toBeGreaterThanOrEqual(20);
    expect(counted).toBeLessThan(written);
    for (const pk of ["a", "z"]) expect(await copy.items.get({ pk, sk: "n" })).toMatchObject({ n: counted });
    await copy.close();
  });

  test("shares the bytes of objects with the folder, and keeps them when the folder's go", async () => {
    const { objects, items, ...stores } = await openEmbeddedStores(data);
    await fill({ objects, items, ...stores }, 1);
    await backUp(data, target, systemClock);
    expect((await stat(join(target, "objects/log/r0/1/0@"))).nlink).toBe(2);
    await objects.put("log/r0/1/0", new Uint8Array(3));
    await stores.close();
    const copy = await openEmbeddedStores(target);
    expect(await wholeObject(copy.objects, "log/r0/1/0")).toEqual(new Uint8Array(1_000).fill(0));
    await copy.close();
  });

  test("on another disk has the objects in full", async (context) => {
    const elsewhere = await otherDisk(64, context);
    const stores = await openEmbeddedStores(data);
    await fill(stores, 1);
    await backUp(data, elsewhere, systemClock, { reserveBytes: 0 });
    await stores.close();
    expect(await contents(elsewhere)).toEqual(await contents(data));
  });

  test("goes on past an object that a sweep deletes meanwhile", async () => {
    const stores = await openEmbeddedStores(data);
    await fill(stores, 1);
    const sweep = async () => {
      for (const key of await objectsIn(data)) if (key.startsWith("log/r1/")) await unlink(join(data, "objects", `${key}@`));
    };
    let sweeping: Promise<void> | undefined;
    const disk = hookedDisk(async (operation) => {
      if (operation !== "link") return;
      if (sweeping === undefined) sweeping = sweep();
      await sweeping;
    });
    expect(await backUp(data, target, systemClock, { disk })).toMatchObject({ objects: 3 });
    await stores.close();
    expect(await objectsIn(target)).toEqual(["log/r0/1/0", "log/r0/1/2", "log/r0/1/4"]);
  });
});

describe("there is no backup", () => {
  test("in a folder that is not empty, is a file, or is inside the data directory", async () => {
    const { close } = await openEmbeddedStores(data);
    const full = join(directory.path, "full");
    await mkdir(full);
    await writeFile(join(full, "file"), "");
    await expect(backUp(data, full, systemClock)).rejects.toThrow(`${full} is not empty.`);
    await expect(backUp(data, join(full, "file"), systemClock)).rejects.toThrow("cannot be used: ENOTDIR");
    for (const inside of [data, join(data, "x"), join(data, "objects", "x", "y")])
      await expect(backUp(data, inside, systemClock)).rejects.toThrow(`${inside} is inside the folder ${data}.`);
    expect(await readdir(full)).toEqual(["file"]);
    await close();
  });

  test("of a folder that holds no store, and none is created there", async () => {
    await expect(backUp(data, target, systemClock)).rejects.toThrow(`The folder ${data} holds no store.`);
    expect(await readdir(directory.path)).toEqual([]);
  });

  test("of a running server whose folder has too long a path for a socket; the server says so, and there is one when it has ended", async () => {
    const long = join(directory.path, "x".repeat(100));
    const report = vi.fn();
    const { close } = await openEmbeddedStores(long, { report });
    expect(report.mock.calls).toEqual([
      [expect.stringMatching(/^No backup of .* can be made while the server runs: .*too long/)],
    ]);
    await expect(backUp(long, target, systemClock)).rejects.toThrow(/is held by .*That process answers no request for a backup/);
    await close();
    expect(await backUp(long, target, systemClock)).toMatchObject({ items: 0 });
  });

  test("while another one is made; the other goes on, and when it has failed there is one again", async () => {
    const stores = await openEmbeddedStores(data);
    await fill(stores, 3);
    let second: unknown;
    const disk = hookedDisk(async (operation) => {
      if (operation !== "batch") return;
      second ??= await backUp(data, join(directory.path, "second"), systemClock).catch((error: unknown) => error);
      throw new Error("the first is over");
    });
    await expect(backUp(data, target, systemClock, { disk })).rejects.toThrow(/the first is over.*Delete it/);
    expect(second).toMatchObject({ name: "StartFailure", message: "Another backup of the folder is being made." });
    expect(await readdir(directory.path), "the refused one has left nothing").not.toContain("second");
    // The server notices within a moment that the first has hung up.
    const { items } = await vi.waitFor(() => backUp(data, join(directory.path, "third"), systemClock), { timeout: 30_000 });
    expect(items).toBe(31);
    await stores.close();
  });

  test("when a write of the server fails in the middle, after which its database starts anew", async () => {
    let fails = false;
    const failing = hookedDisk((operation) => {
      if (fails && operation === "batch") throw new Error("the disk fails");
    });
    const items = await EmbeddedItemStore.open(data, { disk: failing });
    await together(30, (index) => items.put({ pk: "m", sk: String(index), d: new Uint8Array(100_000) }));
    const steps = items.entries()[Symbol.asyncIterator]();
    expect((await steps.next()).done).toBe(false);
    fails = true;
    await expect(items.put({ pk: "m", sk: "0", d: new Uint8Array(1) })).rejects.toThrow("the disk fails");
    fails = false;
    await vi.waitFor(() => items.put({ pk: "m", sk: "29", d: new Uint8Array(1) }), { timeout: 10_000, interval: 20 });
    const readOn = async () => {
      while (!(await steps.next()).done);
    };
    await expect(readOn()).rejects.toThrow(StoreUnavailable);
    await items.close();
  });

  test("when the store closes in the middle: the copy is refused, and says so", async () => {
    const { close, ...stores } = await openEmbeddedStores(data);
    await fill({ close, ...stores }, 8);
    let closed: Promise<void> | undefined;
    const disk = hookedDisk(async (operation) => {
      if (operation !== "batch") return;
      if (closed === undefined) closed = close();
      await closed;
    });
    await expect(backUp(data, target, systemClock, { disk })).rejects.toThrow(
      `The server ended before it had sent everything. What was copied by then is left in ${target}; no server starts on it.`,
    );
    await expect(openEmbeddedStores(target)).rejects.toThrow(NOT_FINISHED);
    expect((await contents(data)).large).toHaveLength(80);
  });

  test.for([
    ["to the reserve", 8 * MIB],
    ["to the last byte", 0],
  ] as const)("on a disk that fills up %s: the copy is refused, and says so", async ([, reserveBytes], context) => {
    const elsewhere = await otherDisk(20, context);
    const stores = await openEmbeddedStores(data);
    await fill(stores, 24);
    await expect(backUp(data, elsewhere, systemClock, { reserveBytes })).rejects.toThrow(
      `The disk of ${elsewhere} is full, or nearly so. What was copied by then is left in ${elsewhere}`,
    );
    await stores.close();
    await expect(openEmbeddedStores(elsewhere)).rejects.toThrow(NOT_FINISHED);
    expect((await contents(data)).large).toHaveLength(240);
  });

  test.each(["linked", "copied"])(
    "after a power cut at any step, or all of it: never a part of it that a server starts on (objects %s)",
    async (way) => {
      const stores = await openEmbeddedStores(data);
      await fill(stores, 2);
      await stores.close();
      const whole = await contents(data);
      let steps = 0;
      for (let isWhole = false; !isWhole; steps++) {
        const folder = join(directory.path, `cut-${steps}`);
        const cutting = await PowerCutDisk.over(directory.path);
        let step = 0;
        const disk = hookedDisk((operation) => {
          if (operation === "link" && way === "copied") throw Object.assign(new Error("another disk"), { code: "EXDEV" });
          if (step++ >= steps) throw new Error("power cut");
        }, cutting);
        isWhole = await backUp(data, folder, systemClock, { disk }).then(
          () => true,
          () => false,
        );
        await cutting.cutPower();
        const left = await readdir(folder);
        if (isWhole) expect(await contents(folder)).toEqual(whole);
        else if (left.length > 0) await expect(openEmbeddedStores(folder), `step ${steps}`).rejects.toThrow(NOT_FINISHED);
      }
      expect(steps).toBeGreaterThan(20);
    },
  );
});
