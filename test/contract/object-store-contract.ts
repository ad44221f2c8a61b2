import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { OBJECT_BYTES_MAX, type ObjectStore } from "../../core/ports/object-store.ts";
import { StoreMisuse } from "../../core/ports/store-failures.ts";
import type { StoreLedger } from "../support/stores/store-ledger.ts";
import { bytes, together } from "./items/fixture.ts";

export interface OpenObjectStore {
  readonly store: ObjectStore;
  /** The telemetry it reports to. */
  readonly ledger: StoreLedger;
  close(): Promise<void>;
}

/** What every object store must do. It assumes nothing beyond the port; each test keeps to a folder of its own. */
export function describeObjectStore(name: string, open: () => Promise<OpenObjectStore>): void {
  describe(`object store: ${name}`, () => {
    let opened: OpenObjectStore | undefined;
    let folders = 0;
    const prefix = `contract-${process.pid}-${Date.now()}`;
    const store = (): ObjectStore => {
      if (opened === undefined) throw new Error("the store is not open yet");
      return opened.store;
    };
    const folder = (): string => `${prefix}/${folders++}`;
    beforeAll(async () => {
      opened = await open();
    });
    afterAll(() => opened?.close());
    describe("put, get, delete", () => testBlobs(store, folder));
    describe("ranges", () => testRanges(store, folder));
    describe("list", () => testList(store, folder));
    describe("limits", () => testLimits(store, folder));
    test("each call reports once, also one that fails", async () => {
      const { ledger } = opened!;
      const key = `${folder()}/a`;
      const calls: readonly (readonly [string, number, () => Promise<unknown>])[] = [
        ["put", 5, () => store().put(key, new Uint8Array(5))],
        ["get", 5, () => store().get(key)],
        ["getRange", 2, () => store().getRange(key, 1, 2)],
        ["list", 0, () => store().list(key, { limit: 1 })],
        ["delete", 0, () => store().delete(key)],
        ["get", 0, () => store().get("../a")],
      ];
      for (const [operation, moved, call] of calls) {
        expect(await ledger.of(call)).toMatchObject({ store: "objects", operation, bytes: moved, writeUnits: 0, readUnits: 0 });
      }
    });
  });
}

type Store = () => ObjectStore;
type Folder = () => string;

function testBlobs(store: Store, folder: Folder): void {
  test("comes back byte for byte", async () => {
    const key = `${folder()}/blob`;
    const blob = Uint8Array.from({ length: 100_000 }, (_, index) => (index * 7) % 256);
    expect(await store().put(key, blob)).toEqual({ ok: true });
    expect(Buffer.from((await store().get(key))!).equals(blob)).toBe(true);
  });

  test("an empty object is an object", async () => {
    const key = `${folder()}/empty`;
    await store().put(key, bytes());
    expect(await store().get(key)).toStrictEqual(bytes());
  });

  test("an absent one is undefined; deleting it is no error", async () => {
    const key = `${folder()}/none`;
    expect(await store().get(key)).toBeUndefined();
    await store().delete(key);
    await store().put(key, bytes(1));
    await store().delete(key);
    await store().delete(key);
    expect(await store().get(key)).toBeUndefined();
  });

  test("a put overwrites, unless it must not", async () => {
    const key = `${folder()}/a`;
    await store().put(key, bytes(1, 2, 3));
    expect(await store().put(key, bytes(4), { ifAbsent: true })).toEqual({ ok: false });
    expect(await store().get(key)).toEqual(bytes(1, 2, 3));
    expect(await store().put(key, bytes(5), { ifAbsent: false })).toEqual({ ok: true });
    expect(await store().get(key)).toEqual(bytes(5));
    await store().delete(key);
    expect(await store().put(key, bytes(6), { ifAbsent: true })).toEqual({ ok: true });
  });

  test("of 50 creates at once one wins, and is read whole", async () => {
    const key = `${folder()}/race`;
    const results = await together(50, (by) => store().put(key, new Uint8Array(20_000).fill(by), { ifAbsent: true }));
    const winners = results.flatMap((result, by) => (result.ok ? [by] : []));
    expect(winners).toHaveLength(1);
    expect(await store().get(key)).toEqual(new Uint8Array(20_000).fill(winners[0]!));
  });

  test("an overwrite is seen whole or not at all", async () => {
    const key = `${folder()}/torn`;
    await store().put(key, new Uint8Array(50_000).fill(0));
    const ended = { writes: false };
    const writing = (async () => {
      for (let value = 1; value <= 20; value++) await store().put(key, new Uint8Array(50_000).fill(value));
      ended.writes = true;
    })();
    while (!ended.writes) expect(new Set(await store().get(key)).size).toBe(1);
    await writing;
  });

  test("a key may go on behind another key", async () => {
    const key = `${folder()}/a`;
    await store().put(key, bytes(1));
    await store().put(`${key}/b`, bytes(2));
    await store().put(`${key}/b/c.d-e_F`, bytes(3));
    expect(await Promise.all([key, `${key}/b`, `${key}/b/c.d-e_F`, `${key}/c`].map((each) => store().get(each)))).toEqual([
      bytes(1),
      bytes(2),
      bytes(3),
      undefined,
    ]);
  });

  test("what is passed in, or was handed out, may be changed", async () => {
    const key = `${folder()}/a`;
    const blob = bytes(1, 2);
    await store().put(key, blob);
    blob[0] = 9;
    const got = await store().get(key);
    got![1] = 9;
    expect(await store().get(key)).toEqual(bytes(1, 2));
  });
}

function testRanges(store: Store, folder: Folder): void {
  test("a range is cut at the object's end, and empty behind it", async () => {
    const key = `${folder()}/r`;
    await store().put(key, bytes(0, 1, 2, 3, 4, 5, 6, 7, 8, 9));
    expect(await store().getRange(key, 0, 4)).toStrictEqual(bytes(0, 1, 2, 3));
    expect(await store().getRange(key, 3, 1)).toStrictEqual(bytes(3));
    expect(await store().getRange(key, 8, 100)).toStrictEqual(bytes(8, 9));
    expect(await store().getRange(key, 8, 2 ** 40)).toStrictEqual(bytes(8, 9));
    expect(await store().getRange(key, 10, 1)).toStrictEqual(bytes());
    expect(await store().getRange(key, 1_000, 1)).toStrictEqual(bytes());
    expect(await store().getRange(`${key}/none`, 0, 1)).toBeUndefined();
  });

  test.each([
    [-1, 1],
    [0, 0],
    [0, -1],
    [0.5, 1],
    [0, 1.5],
  ])("offset %d, length %d is refused", async (offset, length) => {
    await expect(store().getRange(`${folder()}/r`, offset, length)).rejects.toThrow(StoreMisuse);
  });
}

function testList(store: Store, folder: Folder): void {
  const filled = async (names: readonly string[]): Promise<string> => {
    const parent = folder();
    await Promise.all(names.map((name) => store().put(`${parent}/${name}`, bytes(1))));
    return parent;
  };

  test("lists keys in order, across folders, as if they were text", async () => {
    const sorted = ["a", "a-b", "a.b", "a/0", "a/b", "a/b/c", "a0", "aa", "b/1/2/3", "z"];
    const parent = await filled([...sorted].reverse());
    const keys = sorted.map((name) => `${parent}/${name}`);
    expect(await store().list(`${parent}/`, { limit: 1_000 })).toEqual({ keys, more: false });
    expect(await store().list(`${parent}/a`, { limit: 1_000 })).toEqual({ keys: keys.slice(0, 8), more: false });
    expect(await store().list(`${parent}/a/`, { limit: 1_000 })).toEqual({ keys: keys.slice(3, 6), more: false });
    expect(await store().list(`${parent}/a/b`, { limit: 1_000 })).toEqual({ keys: keys.slice(4, 6), more: false });
    expect(await store().list(`${parent}/c`, { limit: 1_000 })).toEqual({ keys: [], more: false });
  });

  test("reading on from each key finds the rest", async () => {
    const parent = await filled(["a", "a-b", "a/0", "a/b/c", "a0", "b"]);
    const { keys } = await store().list(`${parent}/`, { limit: 1_000 });
    for (const [index, after] of keys.entries()) {
      expect(await store().list(`${parent}/`, { after, limit: 1_000 })).toEqual({ keys: keys.slice(index + 1), more: false });
      expect(await store().list(`${parent}/`, { after, limit: 1 })).toEqual({
        keys: keys.slice(index + 1, index + 2),
        more: index < keys.length - 2,
      });
    }
    expect(await store().list(`${parent}/`, { after: `${parent}/a/`, limit: 2 })).toEqual({ keys: keys.slice(2, 4), more: true });
    expect(await store().list(`${parent}/`, { after: "zzz", limit: 2 })).toEqual({ keys: [], more: false });
  });

  test("hundreds of keys, page by page, without what was deleted", async () => {
    const names = Array.from({ length: 300 }, (_, index) => `d${index % 3}/${String(index).padStart(4, "0")}`);
    const parent = await filled(names);
    await Promise.all(names.slice(0, 30).map((name) => store().delete(`${parent}/${name}`)));
    const seen: string[] = [];
    for (let more = true; more; ) {
      const page = await store().list(`${parent}/`, { ...(seen.length > 0 && { after: seen.at(-1)! }), limit: 64 });
      expect(page.keys.length).toBeLessThanOrEqual(64);
      seen.push(...page.keys);
      more = page.more;
    }
    expect(seen).toEqual(
      names
        .slice(30)
        .sort()
        .map((name) => `${parent}/${name}`),
    );
  });

  test("a prefix that no key has lists nothing", async () => {
    for (const prefix of ["..", "../", "/", "//", "a//b", ".hidden/a", "é"]) {
      expect(await store().list(prefix, { limit: 10 }), prefix).toEqual({ keys: [], more: false });
    }
  });
}

function testLimits(store: Store, folder: Folder): void {
  test.each([
    "",
    "/a",
    "a/",
    "a//b",
    "../a",
    "a/../b",
    ".a",
    "a/.b",
    "a b",
    "a\\b",
    "é",
    "a\n",
    "a\0",
    "a@",
    `${"a/".repeat(256)}b`,
  ])("%j is no key", async (key) => {
    await expect(store().put(key, bytes(1))).rejects.toThrow(StoreMisuse);
    await expect(store().get(key)).rejects.toThrow(StoreMisuse);
    await expect(store().getRange(key, 0, 1)).rejects.toThrow(StoreMisuse);
    await expect(store().delete(key)).rejects.toThrow(StoreMisuse);
  });

  test("a key of 512 characters", async () => {
    const key = `${folder()}/${"abcdefg/".repeat(64)}`.slice(0, 511).concat("z");
    await store().put(key, bytes(1));
    expect(await store().list(key, { limit: 1 })).toEqual({ keys: [key], more: false });
  });

  test("an object has at most 16 MB", async () => {
    const key = `${folder()}/large`;
    await store().put(key, new Uint8Array(OBJECT_BYTES_MAX));
    expect((await store().get(key))?.length).toBe(OBJECT_BYTES_MAX);
    await store().delete(key);
    await expect(store().put(key, new Uint8Array(OBJECT_BYTES_MAX + 1))).rejects.toThrow(StoreMisuse);
    expect(await store().get(key)).toBeUndefined();
  });

  test("a list's limit is 1 to 1,000", async () => {
    for (const limit of [0, 1_001, 1.5]) await expect(store().list("a", { limit })).rejects.toThrow(StoreMisuse);
  });
}
