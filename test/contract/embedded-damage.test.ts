import { cp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { DirectoryInUse } from "../../adapters/embedded/data-directory.ts";
import { EmbeddedItemStore, type EmbeddedItemStoreOptions } from "../../adapters/embedded/embedded-item-store.ts";
import { StoreCorrupt } from "../../core/ports/store-failures.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { storeDirectory } from "../support/stores/store-directory.ts";
import { together } from "./items/fixture.ts";

const OPTIONS: EmbeddedItemStoreOptions = { writeBufferBytes: 128 * 1024, reserveBytes: 0 };
const ITEMS = 1_500;
/** Written together. */
const BATCH = 50;
const FLIPS = 25;
const keyOf = (index: number) => ({ pk: `p${index % 3}`, sk: String(index).padStart(5, "0") });

type Directory = Awaited<ReturnType<typeof storeDirectory>>;
let whole: Directory;
let directory: Directory;

beforeAll(async () => {
  whole = await storeDirectory();
  const store = await EmbeddedItemStore.open(whole.path, OPTIONS);
  for (let from = 0; from < 2 * ITEMS; from += BATCH) {
    await together(BATCH, (at) => {
      const index = (from + at) % ITEMS;
      return store.put({ ...keyOf(index), n: Math.floor(from / ITEMS), d: new Uint8Array(150).fill(index) });
    });
  }
  await store.close();
  const names = await readdir(join(whole.path, "items"));
  for (const kind of [/\.log$/, /\.ldb$/, /^MANIFEST/, /^CURRENT$/]) expect(names.some((name) => kind.test(name))).toBe(true);
});
afterAll(() => whole.remove());
beforeEach(async () => {
  directory = await storeDirectory();
  await restore();
});
afterEach(() => directory.remove());

async function restore(): Promise<void> {
  await rm(directory.path, { recursive: true, force: true });
  await cp(whole.path, directory.path, { recursive: true });
}

const open = (options: EmbeddedItemStoreOptions = {}) => EmbeddedItemStore.open(directory.path, { ...OPTIONS, ...options });

const filesLike = async (kind: RegExp): Promise<string[]> => {
  const names = [
    ...(await readdir(directory.path)),
    ...(await readdir(join(directory.path, "items"))).map((name) => `items/${name}`),
  ];
  return names.filter((name) => kind.test(name)).map((name) => join(directory.path, name));
};

async function flip(path: string, bit: number): Promise<void> {
  const bytes = await readFile(path);
  bytes[bit >> 3]! ^= 1 << (bit & 7);
  await writeFile(path, bytes);
}

/** How many of the items are as they were written last. */
async function intact(store: EmbeddedItemStore): Promise<number> {
  let found = 0;
  for (let index = 0; index < ITEMS; index++) if ((await store.get(keyOf(index)))?.n === 1) found++;
  return found;
}

/** The start is refused in one line that names the folder and says what to do; or else nothing is missing. */
async function expectNoticed(what: string): Promise<"refused" | "whole"> {
  const opened = await open().catch((error: unknown) => error);
  if (opened instanceof EmbeddedItemStore) {
    expect(await intact(opened), what).toBe(ITEMS);
    await opened.close();
    return "whole";
  }
  expect(opened, what).toBeInstanceOf(Error);
  const { message } = opened as Error;
  expect(message, what).toContain(directory.path);
  expect(message, what).toMatch(/^[^\n]*(backup|Start the version that wrote it)[^\n]*$/);
  return "refused";
}

describe("a flipped bit", () => {
  test.each([
    ["the write-ahead log", /\.log$/],
    ["a table", /\.ldb$/],
    ["the MANIFEST", /MANIFEST/],
    ["CURRENT", /CURRENT$/],
    ["FORMAT", /FORMAT$/],
  ])("in %s is refused, or loses nothing", async (_, kind) => {
    const random = new SeededRandom(7);
    let refused = 0;
    for (let trial = 0; trial < FLIPS; trial++) {
      const files = await filesLike(kind);
      const path = files[random.integer(0, files.length - 1)] as string;
      const { length } = await readFile(path);
      // The last record is where damage could pass for a crash.
      const bit =
        trial % 5 === 0 ? length * 8 - 1 - random.integer(0, Math.min(length * 8, 2_000) - 1) : random.integer(0, length * 8 - 1);
      await flip(path, bit);
      if ((await expectNoticed(`${path}, bit ${bit}`)) === "refused") refused++;
      await restore();
    }
    expect(refused).toBeGreaterThan(FLIPS / 2);
  });

  test("in LevelDB's notes means nothing", async () => {
    for (const path of await filesLike(/items\/LOG/)) await flip(path, 100);
    expect(await expectNoticed("LOG")).toBe("whole");
  });
});

describe("a file that is gone", () => {
  test.each([/\.log$/, /\.ldb$/, /MANIFEST/, /CURRENT$/, /FORMAT$/])(
    "%s: the start is refused, and nothing else is deleted",
    async (kind) => {
      const [path] = await filesLike(kind);
      await rm(path as string);
      const before = await filesLike(/items\/(?!LOG)/);
      expect(await expectNoticed(String(kind))).toBe("refused");
      expect(await filesLike(/items\/(?!LOG)/)).toEqual(before);
    },
  );

  test("the whole database: no empty one takes its place", async () => {
    await rm(join(directory.path, "items"), { recursive: true });
    expect(await expectNoticed("items/")).toBe("refused");
    expect(await readdir(directory.path)).not.toContain("items");
  });

  test("FORMAT emptied and CURRENT gone: neither", async () => {
    await writeFile(join(directory.path, "FORMAT"), "");
    await rm(join(directory.path, "items", "CURRENT"));
    expect(await expectNoticed("FORMAT, CURRENT")).toBe("refused");
  });

  test("a table that is cut", async () => {
    const [path] = await filesLike(/\.ldb$/);
    await truncate(path as string, 1_000);
    expect(await expectNoticed("cut")).toBe("refused");
  });
});

test("a log that a crash tore is not damage: what was written before its end is there", async () => {
  const [path] = await filesLike(/\.log$/);
  const { length } = await readFile(path as string);
  for (const cut of [1, 3, 100, 5_000]) {
    await truncate(path as string, length - cut);
    const store = await open();
    expect(await intact(store)).toBeGreaterThan(ITEMS / 2);
    await store.close();
    await restore();
  }
});

test("room that the log was given and that a power cut left unwritten is a torn end", async () => {
  const [path] = await filesLike(/\.log$/);
  await writeFile(path as string, Buffer.concat([await readFile(path as string), Buffer.alloc(70_000)]));
  expect(await expectNoticed("zeros")).toBe("whole");
});

describe("accepted loss", () => {
  test.each([
    ["the write-ahead log", /\.log$/],
    ["a table", /\.ldb$/],
  ])("%s: the rest is there, is written to and opens again without it", async (_, kind) => {
    const random = new SeededRandom(3);
    for (let trial = 0; trial < 8; trial++) {
      for (const path of await filesLike(kind)) await flip(path, random.integer(0, ((await readFile(path)).length - 60) * 8));
      const refusal = await open().catch((error: unknown) => error);
      expect(refusal).toBeInstanceOf(StoreCorrupt);
      expect((refusal as Error).message).toMatch(/ACCEPT_DATA_LOSS|backup/);
      // Without its index nothing of a table is found.
      if (!(refusal as Error).message.includes("ACCEPT_DATA_LOSS")) continue;
      const report = vi.fn();
      const store = await open({ acceptDataLoss: true, report });
      expect(report).toHaveBeenCalledWith(expect.stringContaining(directory.path));
      expect(await intact(store)).toBeGreaterThan(0);
      await together(ITEMS, (index) => store.put({ ...keyOf(index), n: 1, d: new Uint8Array(300) }));
      await store.close();
      expect(await expectNoticed("written anew")).toBe("whole");
      await restore();
    }
  });

  test("a log that is gone", async () => {
    for (const path of await filesLike(/\.log$/)) await rm(path);
    const store = await open({ acceptDataLoss: true });
    expect(await intact(store)).toBeGreaterThan(0);
    await store.close();
  });

  test("is no way to an empty database", async () => {
    await rm(join(directory.path, "items", "CURRENT"));
    await expect(open({ acceptDataLoss: true })).rejects.toThrow(/CURRENT.*backup/);
  });
});

test("a folder that another process holds is in use, however its files look", async () => {
  const holder = await open();
  await together(50, (index) => holder.put({ pk: "more", sk: String(index), d: new Uint8Array(100) }));
  const [path] = await filesLike(/\.log$/);
  await flip(path as string, 1_000);
  await expect(open({ acceptDataLoss: true })).rejects.toThrow(DirectoryInUse);
  await holder.close();
});

test("tables for which a start has no time are read while the store is open", async () => {
  const [path] = await filesLike(/\.ldb$/);
  await flip(path as string, 4_000);
  const report = vi.fn();
  const store = await open({ checkMs: -1, report });
  await vi.waitFor(() => expect(report).toHaveBeenCalledWith(expect.stringMatching(/ldb is damaged.*ACCEPT_DATA_LOSS/)));
  await store.close();
});

test("a folder of the format before is raised, so that older versions refuse it", async () => {
  const format = join(directory.path, "FORMAT");
  await writeFile(format, '{"format":1}\n');
  expect(await expectNoticed("format 1")).toBe("whole");
  expect(await readFile(format, "utf8")).toBe('{"format":2}\n');
});
