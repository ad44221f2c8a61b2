import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { DirectoryInUse, FormatTooNew } from "../../adapters/embedded/data-directory.ts";
import { EmbeddedItemStore } from "../../adapters/embedded/embedded-item-store.ts";
import { EmbeddedObjectStore } from "../../adapters/embedded/embedded-object-store.ts";
import { StoreCorrupt, StoreUnavailable } from "../../core/ports/store-failures.ts";
import { storeDirectory } from "../support/stores/store-directory.ts";
import { objectsIn, wholeObject } from "../support/stores/stored-objects.ts";
import { together } from "./items/fixture.ts";

const WRITER = fileURLToPath(new URL("../support/stores/store-writer.ts", import.meta.url));
const ACKNOWLEDGED_BEFORE_KILL = 2_000;

let directory: Awaited<ReturnType<typeof storeDirectory>>;

beforeEach(async () => {
  directory = await storeDirectory();
});
afterEach(() => directory.remove());

/** Reads a whole partition, page by page. */
async function allOf(store: EmbeddedItemStore, pk: string) {
  const items = new Map<string, Awaited<ReturnType<typeof store.query>>["items"][number]>();
  for (let from: string | undefined, more = true; more; ) {
    const page = await store.query({ pk, ...(from !== undefined && { from }), limit: 1_000 });
    for (const item of page.items) items.set(item.sk, item);
    from = `${page.items.at(-1)?.sk}\0`;
    more = page.more;
  }
  return items;
}

describe("reopening", () => {
  test("keeps every item as it was, and every object", async () => {
    const before = await EmbeddedItemStore.open(directory.path);
    const objects = await EmbeddedObjectStore.open(directory.path);
    await together(200, (index) =>
      before.put({ pk: "p", sk: String(index), n: index, w: new Set(["a"]), f: [new Uint8Array(index)] }),
    );
    await together(100, (index) => before.update({ pk: "p", sk: String(index) }, [{ op: "increment", name: "n", by: 1_000 }]));
    await together(50, (index) => before.delete({ pk: "p", sk: String(150 + index) }));
    await objects.put("a/b", new Uint8Array(10).fill(3));
    const items = await allOf(before, "p");
    expect(items.size).toBe(150);
    await before.close();

    const after = await EmbeddedItemStore.open(directory.path);
    expect(await allOf(after, "p")).toEqual(items);
    await after.close();
    expect(await wholeObject(await EmbeddedObjectStore.open(directory.path), "a/b")).toEqual(new Uint8Array(10).fill(3));
  });

  test("close ends the writes that were taken and refuses others", async () => {
    const store = await EmbeddedItemStore.open(directory.path);
    const taken = together(50, (index) => store.put({ pk: "p", sk: String(index) }));
    const closed = store.close();
    await expect(store.put({ pk: "p", sk: "late" })).rejects.toMatchObject({ outcome: "not-applied" });
    await expect(taken).resolves.toHaveLength(50);
    await closed;
    await expect(store.get({ pk: "p", sk: "0" })).rejects.toThrow(StoreUnavailable);
    const reopened = await EmbeddedItemStore.open(directory.path);
    expect((await allOf(reopened, "p")).size).toBe(50);
    await reopened.close();
  });
});

test("kill -9 under load loses nothing acknowledged, and leaves no transaction half done", async () => {
  const child = spawn(process.execPath, ["--import", "tsx", WRITER, directory.path], { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  const acknowledged: string[] = [];
  let refused: unknown;
  for await (const line of createInterface({ input: child.stdout })) {
    acknowledged.push(line);
    if (acknowledged.length === 1) refused = await EmbeddedItemStore.open(directory.path).catch((error: unknown) => error);
    if (acknowledged.length === ACKNOWLEDGED_BEFORE_KILL) child.kill("SIGKILL");
  }
  expect(await exited).toEqual([null, "SIGKILL"]);
  expect(refused).toBeInstanceOf(DirectoryInUse);

  const items = await EmbeddedItemStore.open(directory.path);
  const objects = await EmbeddedObjectStore.open(directory.path);
  const written = await allOf(items, "written");
  for (const line of acknowledged) {
    const [kind, name] = line.split(" ") as [string, string];
    const round = Number(name.split(/[-/]/).at(-1));
    if (kind === "item")
      expect(written.get(name)).toMatchObject({ round, d: { length: 1_000, 0: round % 256, 999: round % 256 } });
    else expect(await wholeObject(objects, name)).toMatchObject({ length: 10_000, 0: round % 256, 9999: round % 256 });
  }
  expect(await items.get({ pk: "counter", sk: "0" })).toMatchObject({ n: written.size });
  for (const key of await objectsIn(directory.path))
    expect((await wholeObject(objects, key))?.length, `${key} is whole`).toBe(10_000);
  expect(await readdir(join(directory.path, "objects.tmp"))).toEqual([]);
  await items.close();
});

describe("the directory", () => {
  test("is held by one store at a time", async () => {
    const first = await EmbeddedItemStore.open(directory.path);
    await expect(EmbeddedItemStore.open(directory.path)).rejects.toThrow(DirectoryInUse);
    await first.close();
    const second = await EmbeddedItemStore.open(directory.path);
    await second.close();
  });

  test("of a newer format is refused by both stores, saying which", async () => {
    await writeFile(join(directory.path, "FORMAT"), '{"format":7}\n');
    for (const open of [EmbeddedItemStore.open, EmbeddedObjectStore.open]) {
      await expect(open(directory.path)).rejects.toThrow(FormatTooNew);
      await expect(open(directory.path)).rejects.toThrow(/format 7.*formats up to 2/);
    }
    expect(await readdir(directory.path)).toEqual(["FORMAT"]);
  });

  test("without a readable FORMAT is corrupt, unless nothing was stored yet", async () => {
    const format = join(directory.path, "FORMAT");
    await writeFile(format, "");
    await (await EmbeddedItemStore.open(directory.path)).close();
    await writeFile(format, "{");
    await expect(EmbeddedItemStore.open(directory.path)).rejects.toThrow(StoreCorrupt);
    await rm(format);
    await expect(EmbeddedItemStore.open(directory.path)).rejects.toThrow(StoreCorrupt);
  });

  test("loses what an unfinished object left when it opens", async () => {
    await EmbeddedObjectStore.open(directory.path);
    await writeFile(join(directory.path, "objects.tmp", "0"), "half an obj");
    const store = await EmbeddedObjectStore.open(directory.path);
    expect(await objectsIn(directory.path)).toEqual([]);
    await store.put("a", new Uint8Array(1));
    expect(await readdir(join(directory.path, "objects.tmp"))).toEqual([]);
  });
});
