import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { OBJECT_BYTES_MAX, type ObjectStore } from "../../core/ports/object-store.ts";
import { StoreMisuse } from "../../core/ports/store-failures.ts";
import type { StoreLedger } from "../support/stores/store-ledger.ts";
import { wholeObject } from "../support/stores/stored-objects.ts";
import { bytes } from "./items/fixture.ts";

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
    describe("put and read", () => testBlobs(store, folder));
    describe("ranges", () => testRanges(store, folder));
    describe("limits", () => testLimits(store, folder));
    test("each call reports once, also one that fails", async () => {
      const { ledger } = opened!;
      const key = `${folder()}/a`;
      const calls: readonly (readonly [string, number, () => Promise<unknown>])[] = [
        ["put", 5, () => store().put(key, new Uint8Array(5))],
        ["getRange", 2, () => store().getRange(key, 1, 2)],
        ["getRange", 0, () => store().getRange("../a", 0, 1)],
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
  const whole = (key: string) => wholeObject(store(), key);

  test("comes back byte for byte", async () => {
    const key = `${folder()}/blob`;
    const blob = Uint8Array.from({ length: 100_000 }, (_, index) => (index * 7) % 256);
    await store().put(key, blob);
    expect(Buffer.from((await whole(key))!).equals(blob)).toBe(true);
  });

  test("an empty object is an object", async () => {
    const key = `${folder()}/empty`;
    await store().put(key, bytes());
    expect(await whole(key)).toStrictEqual(bytes());
  });

  test("an absent one is undefined", async () => {
    expect(await whole(`${folder()}/none`)).toBeUndefined();
  });

  test("a put overwrites", async () => {
    const key = `${folder()}/a`;
    await store().put(key, bytes(1, 2, 3));
    await store().put(key, bytes(5));
    expect(await whole(key)).toEqual(bytes(5));
  });

  test("an overwrite is seen whole or not at all", async () => {
    const key = `${folder()}/torn`;
    await store().put(key, new Uint8Array(50_000).fill(0));
    const ended = { writes: false };
    const writing = (async () => {
      for (let value = 1; value <= 20; value++) await store().put(key, new Uint8Array(50_000).fill(value));
      ended.writes = true;
    })();
    while (!ended.writes) expect(new Set(await whole(key)).size).toBe(1);
    await writing;
  });

  test("a key may go on behind another key", async () => {
    const key = `${folder()}/a`;
    await store().put(key, bytes(1));
    await store().put(`${key}/b`, bytes(2));
    await store().put(`${key}/b/c.d-e_F`, bytes(3));
    expect(await Promise.all([key, `${key}/b`, `${key}/b/c.d-e_F`, `${key}/c`].map((each) => whole(each)))).toEqual([
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
    const got = await whole(key);
    got![1] = 9;
    expect(await whole(key)).toEqual(bytes(1, 2));
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

function testLimits(store: Store, folder: Folder): void {
  const whole = (key: string) => wholeObject(store(), key);

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
    await expect(store().getRange(key, 0, 1)).rejects.toThrow(StoreMisuse);
  });

  test("a key of 512 characters", async () => {
    const key = `${folder()}/${"abcdefg/".repeat(64)}`.slice(0, 511).concat("z");
    await store().put(key, bytes(1));
    expect(await whole(key)).toEqual(bytes(1));
  });

  test("an object has at most 16 MB", async () => {
    const key = `${folder()}/large`;
    await store().put(key, new Uint8Array(OBJECT_BYTES_MAX));
    expect((await whole(key))?.length).toBe(OBJECT_BYTES_MAX);
    await expect(store().put(`${key}r`, new Uint8Array(OBJECT_BYTES_MAX + 1))).rejects.toThrow(StoreMisuse);
    expect(await whole(`${key}r`)).toBeUndefined();
  });
}
