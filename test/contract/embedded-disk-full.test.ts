import { readdir, statfs } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, type TestContext, test, vi } from "vitest";
import { layBallast } from "../../adapters/embedded/ballast.ts";
import { EmbeddedItemStore } from "../../adapters/embedded/embedded-item-store.ts";
import { EmbeddedObjectStore } from "../../adapters/embedded/embedded-object-store.ts";
import { FreeSpace } from "../../adapters/embedded/free-space.ts";
import { StoreUnavailable } from "../../core/ports/store-failures.ts";
import { type SmallDisk, smallDisk } from "../support/faults/small-disk.ts";
import { objectsIn, wholeObject } from "../support/stores/stored-objects.ts";
import { together } from "./items/fixture.ts";

const MIB = 1024 * 1024;
const WRITERS = 8;
const ITEM_BYTES = 20_000;

let disk: SmallDisk | undefined;
let why = "";

beforeEach(async () => {
  const found = await smallDisk(24);
  if ("unavailable" in found) why = found.unavailable;
  else disk = found;
});
afterEach(async () => {
  await disk?.remove();
  disk = undefined;
});

function needDisk(context: TestContext): SmallDisk {
  if (disk === undefined) context.skip(`skipped: ${why}`);
  return disk as SmallDisk;
}

/** Keeps writing, from several callers, until each has been refused; tells how every write ended. */
async function writeUntilRefused(store: EmbeddedItemStore, name: string) {
  const acknowledged: string[] = [];
  const notApplied: string[] = [];
  const unknown: string[] = [];
  await together(WRITERS, async (writer) => {
    for (let round = 0; ; round++) {
      const sk = `${name}-${writer}-${round}`;
      try {
        const item = { pk: "p", sk, d: new Uint8Array(ITEM_BYTES).fill(round) };
        await store.put(item, { when: [{ op: "absent", name: "pk" }], purpose: "append" });
        acknowledged.push(sk);
      } catch (error) {
        if (!StoreUnavailable.is(error)) throw error;
        expect(error.reason).toBe("full");
        (error.outcome === "unknown" ? unknown : notApplied).push(sk);
        return;
      }
    }
  });
  return { acknowledged, notApplied, unknown };
}

async function expectKept(store: EmbeddedItemStore, kept: readonly string[], absent: readonly string[]): Promise<void> {
  for (const sk of kept) expect((await store.get({ pk: "p", sk }))?.d, sk).toHaveLength(ITEM_BYTES);
  for (const sk of absent) expect(await store.get({ pk: "p", sk }), sk).toBeUndefined();
}

/** Until the store has noticed that there is room again. */
const writable = (store: EmbeddedItemStore, sk: string) =>
  vi.waitFor(() => store.put({ pk: "p", sk, d: new Uint8Array(ITEM_BYTES) }), { timeout: 5_000, interval: 20 });

describe("items on a full disk", () => {
  // Merging all that fits beside the reserve takes no more than the reserve.
  const options = { writeBufferBytes: MIB, reserveBytes: 8 * MIB };

  test("writes are refused while there is room to recover, reads go on, and so do writes when there is room", async (context) => {
    const { path, fill, free } = needDisk(context);
    const store = await EmbeddedItemStore.open(path, options);
    await fill(10 * MIB);
    const first = await writeUntilRefused(store, "first");
    expect(first.unknown).toEqual([]);
    expect(first.acknowledged.length).toBeGreaterThan(50);
    await expectKept(store, first.acknowledged, first.notApplied);
    expect(await store.delete({ pk: "p", sk: "first-0-0" }), "what frees room is let through").toEqual({ ok: true });

    await free();
    await writable(store, "again");
    await store.close();
    const reopened = await EmbeddedItemStore.open(path, options);
    await expectKept(reopened, [...first.acknowledged.filter((sk) => sk !== "first-0-0"), "again"], first.notApplied);
    await reopened.close();
  });

  test("a write that fails half-way loses nothing acknowledged before or after it", async (context) => {
    const { path, fill, free } = needDisk(context);
    const store = await EmbeddedItemStore.open(path, { ...options, reserveBytes: 0 });
    const before = await together(20, async (index) => {
      await store.put({ pk: "p", sk: `before-${index}`, d: new Uint8Array(ITEM_BYTES) });
      return `before-${index}`;
    });
    await fill();
    const failed = await writeUntilRefused(store, "failed");
    expect(failed.unknown.length, "the batch in flight").toBeGreaterThan(0);
    await expect(store.put({ pk: "p", sk: "refused" })).rejects.toMatchObject({ outcome: "not-applied", reason: "full" });

    await free();
    await writable(store, "after");
    const kept = [...before, ...failed.acknowledged, "after"];
    await expectKept(store, kept, [...failed.notApplied, "refused"]);
    const outcome = await store.batchGet(failed.unknown.map((sk) => ({ pk: "p", sk })));
    await store.close();

    const reopened = await EmbeddedItemStore.open(path, options);
    await expectKept(reopened, kept, [...failed.notApplied, "refused"]);
    expect(await reopened.batchGet(failed.unknown.map((sk) => ({ pk: "p", sk }))), "unknown is settled once").toEqual(outcome);
    await reopened.close();
  });

  test("it fills and is freed again and again", async (context) => {
    const { path, fill, free } = needDisk(context);
    const store = await EmbeddedItemStore.open(path, { ...options, reserveBytes: 0 });
    const kept: string[] = [];
    for (let round = 0; round < 4; round++) {
      await fill();
      kept.push(...(await writeUntilRefused(store, `r${round}`)).acknowledged);
      await free();
      await writable(store, `again-${round}`);
      kept.push(`again-${round}`);
    }
    await expectKept(store, kept, []);
    await store.close();
    const reopened = await EmbeddedItemStore.open(path, options);
    await expectKept(reopened, kept, []);
    await reopened.close();
  });
});

describe("what stops when", () => {
  const reserveBytes = 8 * MIB;
  const append = { purpose: "append" } as const;
  const full = expect.objectContaining({ outcome: "not-applied", reason: "full" });
  const change = { pk: "p", sk: "a" };

  async function opened(path: string) {
    const report = vi.fn();
    const items = await EmbeddedItemStore.open(path, { writeBufferBytes: MIB, reserveBytes, report });
    const objects = await EmbeddedObjectStore.open(path, { space: items.space });
    await items.put({ ...change, n: 0 });
    return { items, objects, report };
  }

  /** Until the store has seen how full the disk is. */
  const refused = (call: () => Promise<unknown>) =>
    vi.waitFor(() => expect(call()).rejects.toThrow(full), { timeout: 5_000, interval: 50 });

  test("below the reserve sends stop, and what consumers and operators do goes on", async (context) => {
    const { path, fill } = needDisk(context);
    const { items, objects, report } = await opened(path);
    await fill(17 * MIB);
    await refused(() => items.put({ pk: "p", sk: "b" }, append));
    await expect(items.transact([{ kind: "put", item: { pk: "p", sk: "b" } }], append)).rejects.toThrow(full);
    await expect(items.update(change, [{ op: "increment", name: "n", by: 1 }], append)).rejects.toThrow(full);
    await expect(objects.put("log/a", new Uint8Array(1_000))).rejects.toThrow(full);
    expect(await readdir(join(path, "objects"))).toEqual([]);

    expect(await items.update(change, [{ op: "increment", name: "n", by: 1 }])).toEqual({ ok: true });
    expect(await items.transact([{ kind: "put", item: { pk: "p", sk: "c" } }])).toEqual({ ok: true });
    expect(await items.delete({ pk: "p", sk: "c" })).toEqual({ ok: true });
    expect(report.mock.calls).toEqual([[expect.stringMatching(/^\d+ MiB are free.*sends are refused below 8 MiB$/)]]);
    await items.close();
  });

  test("below half of it deletions alone go on", async (context) => {
    const { path, fill } = needDisk(context);
    const { items } = await opened(path);
    await fill(21 * MIB);
    await refused(() => items.update(change, [{ op: "increment", name: "n", by: 1 }]));
    await expect(items.transact([{ kind: "delete", key: change }])).rejects.toThrow(full);
    expect(await items.delete(change)).toEqual({ ok: true });
    await items.close();
  });

  test("objects that are written at once leave the reserve alone", async (context) => {
    const { path } = needDisk(context);
    const { items, objects } = await opened(path);
    const puts = await Promise.allSettled(Array.from({ length: 30 }, (_, n) => objects.put(`log/${n}`, new Uint8Array(MIB))));
    const stored = puts.filter(({ status }) => status === "fulfilled").length;
    expect(stored).toBeGreaterThan(10);
    const { bavail, bsize } = await statfs(path);
    expect(bavail * bsize).toBeGreaterThan(reserveBytes - MIB / 2);
    expect(await objectsIn(path)).toHaveLength(stored);
    await items.close();
  });
});

test("a disk that others have filled to the last byte does not keep the store from starting", async (context) => {
  const { path, fill } = needDisk(context);
  const options = { writeBufferBytes: MIB, reserveBytes: 8 * MIB };
  let store = await EmbeddedItemStore.open(path, options);
  const kept = await together(40, async (index) => {
    await store.put({ pk: "p", sk: `kept-${index}`, d: new Uint8Array(ITEM_BYTES) });
    return `kept-${index}`;
  });
  await layBallast(path, 3 * MIB);
  await store.close();
  await fill();
  store = await EmbeddedItemStore.open(path, options);
  await EmbeddedObjectStore.open(path, { space: store.space });
  await expectKept(store, kept, []);
  await expect(store.put({ pk: "p", sk: "more" })).rejects.toMatchObject({ reason: "full" });
  expect(await store.delete({ pk: "p", sk: "kept-0" }), "there is room to make room").toEqual({ ok: true });
  expect(await objectsIn(path)).toEqual([]);
  await store.close();
});

test("a disk that others fill under a running store: it goes on in the room it gives up", async (context) => {
  const { path, fill } = needDisk(context);
  const store = await EmbeddedItemStore.open(path, { writeBufferBytes: MIB, reserveBytes: 0 });
  const kept = await together(40, async (index) => {
    await store.put({ pk: "p", sk: `kept-${index}`, d: new Uint8Array(ITEM_BYTES) });
    return `kept-${index}`;
  });
  await layBallast(path, 3 * MIB);
  await fill();
  const failed = await writeUntilRefused(store, "failed");
  await writable(store, "after");
  await expectKept(store, [...kept, ...failed.acknowledged, "after"], failed.notApplied);
  await store.close();
});

test("an object that does not fit is refused and leaves nothing behind", async (context) => {
  const { path, fill, free } = needDisk(context);
  const space = await FreeSpace.watch(path, 0);
  const objects = await EmbeddedObjectStore.open(path, { space });
  await objects.put("a/kept", new Uint8Array(1_000).fill(1));
  await fill();
  await expect(objects.put("a/refused", new Uint8Array(MIB))).rejects.toMatchObject({ outcome: "not-applied", reason: "full" });
  await expect(objects.put("a/kept", new Uint8Array(MIB))).rejects.toThrow(StoreUnavailable);
  expect(await readdir(join(path, "objects.tmp"))).toEqual([]);
  expect(await objectsIn(path)).toEqual(["a/kept"]);
  expect(await wholeObject(objects, "a/kept")).toEqual(new Uint8Array(1_000).fill(1));
  await free();
  await objects.put("a/refused", new Uint8Array(MIB));
  expect(await objectsIn(path)).toEqual(["a/kept", "a/refused"]);
  await space.close();
});
