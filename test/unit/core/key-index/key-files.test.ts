import { describe, expect, it } from "vitest";
import { MemoryObjectStore } from "../../../../adapters/memory/memory-object-store.ts";
import type { KeyFile } from "../../../../core/key-index/key-file.ts";
import { mergeKeyFiles } from "../../../../core/key-index/merge-key-files.ts";
import { KEY_FILES_PK } from "../../../../core/keys.ts";
import { KEY_HASH_MAX } from "../../../../core/message/key-hash.ts";
import type { Key } from "../../../../core/ports/item-store.ts";
import { StoreCorrupt } from "../../../../core/ports/store-failures.ts";
import { around, dyingAt } from "../roller/failing-stores.ts";
import { DAY_MS, KeyFiles, mergesOf } from "./key-files.ts";

async function expectAllFound(files: KeyFiles, what: string): Promise<void> {
  const some = Array.from({ length: 8 }, () => files.random.pick(files.entries).hash);
  for (const hash of new Set([...some, 2 ** 36, 2 * 2 ** 36, 0, 1, KEY_HASH_MAX]))
    expect(await files.found(hash), `${what}, hash ${hash}`).toEqual(files.written(hash));
}

/** Whoever reads the end of a file finds it garbled. */
async function garble({ objects }: KeyFiles, { parts }: KeyFile): Promise<void> {
  const { objectKey = "" } = parts[0] ?? {};
  const bytes = (await objects.getRange(objectKey, 0, 1 << 24)) as Uint8Array;
  await objects.put(objectKey, bytes.fill(0, -40));
}

const levels = async (files: KeyFiles): Promise<readonly number[]> => (await files.files()).map(({ level }) => level);

describe("key files", () => {
  it("hold all that was written, before they are merged and after", async () => {
    for (let seed = 1; seed <= 6; seed++) {
      const files = new KeyFiles(seed);
      for (let added = 0; added < 40; added++) await files.add(files.random.pick([1, 30, 226, 227, 228, 900]));
      await expectAllFound(files, `seed ${seed}, before`);
      expect(await files.merge()).toBe(true);
      expect(await levels(files)).toEqual([...Array(8).fill(0), 1, 1]);
      await expectAllFound(files, `seed ${seed}, after`);
    }
  });

  it("are merged again, level by level, into parts of a bounded size", async () => {
    const files = new KeyFiles(1);
    for (let added = 0; added < 16 * 16 + 16 + 1; added++) {
      await files.add(4);
      if (added % 16 === 0) await files.merge();
    }
    await files.merge();
    expect(await levels(files)).toEqual([0, 1, 2]);
    const largest = (await files.files()).at(-1);
    expect(largest?.parts.length).toBe(3);
    expect(largest?.parts.map(({ count }) => count).slice(0, 2)).toEqual([500, 500]);
    await expectAllFound(files, "after");
  });

  it("keep what is in several of them once", async () => {
    const files = new KeyFiles(1);
    const entries = Array.from({ length: 300 }, () => files.entry());
    for (let added = 0; added < 16; added++) await files.add(0, { entries });
    await files.merge();
    const [merged] = await files.files();
    expect(merged?.parts.reduce((sum, { count }) => sum + count, 0)).toBe(300);
    await expectAllFound(files, "after");
  });

  it("are read in one or two calls each, also where one key has most of the messages", async () => {
    const files = new KeyFiles(1);
    const hot = 2 ** 39;
    for (let added = 0; added < 20; added++) {
      const entries = Array.from({ length: 12_000 }, (_, index) => ({ ...files.entry(), ...(index % 2 === 0 && { hash: hot }) }));
      await files.add(0, { entries });
    }
    await files.merge({ settings: mergesOf(100_000) });
    let reads = 0;
    const counting = new MemoryObjectStore();
    const { objects } = files;
    Object.assign(counting, {
      getRange: (...call: Parameters<MemoryObjectStore["getRange"]>) => {
        reads++;
        return objects.getRange(...call);
      },
    });
    Object.assign(files, { objects: counting });
    const looked = 200;
    for (let look = 0; look < looked; look++) {
      const hash = files.random.pick(files.entries).hash;
      if (hash !== hot) expect((await files.found(hash)).length).toBeGreaterThan(0);
    }
    expect(reads / looked / (await files.files()).length).toBeLessThan(3);
    reads = 0;
    expect((await files.found(hot)).length).toBe(files.written(hot).length);
  });

  it("lose nothing where a merge dies at any call", async () => {
    const seen = { before: 0, after: 0 };
    for (const death of ["before", "after"] as const)
      for (let call = 0; ; call++) {
        const files = new KeyFiles(call);
        for (let added = 0; added < 17; added++) await files.add(100);
        const { died, ...stores } = dyingAt(files, call, death);
        const ended = await files.merge(stores).catch(() => false);
        await expectAllFound(files, `dead ${death} call ${call}`);
        await files.merge();
        expect(await levels(files), `dead ${death} call ${call}`).toEqual([0, 1]);
        await expectAllFound(files, `dead ${death} call ${call}, merged again`);
        seen[death]++;
        if (!died()) {
          expect(ended).toBe(true);
          break;
        }
      }
    expect(seen.before).toBeGreaterThan(30);
  });

  it("lose nothing where several merge at once, and stall", async () => {
    for (let seed = 1; seed <= 40; seed++) {
      const files = new KeyFiles(seed);
      const { random } = files;
      for (let added = 0; added < 33; added++) await files.add(100);
      const slow = () =>
        around(files, async (apply) => {
          const turns = random.chance(0.02) ? random.integer(1_000, 30_000) : random.pick([0, 0, 1, 5]);
          for (let left = turns; left > 0; left--) await undefined;
          return apply();
        });
      const adding = (async () => {
        for (let added = 0; added < 40; added++) {
          for (let turns = random.integer(0, 2_000); turns > 0; turns--) await undefined;
          await files.add(100);
        }
      })();
      await Promise.all([files.merge(slow()), files.merge(slow()), files.merge(slow()), adding]);
      await expectAllFound(files, `seed ${seed}`);
      await files.merge();
      await expectAllFound(files, `seed ${seed}, in the end`);
    }
  });

  it("are left alone by a merge that was overtaken, whatever it writes then", async () => {
    for (const late of ["put", "transact"] as const) {
      const files = new KeyFiles(1);
      for (let added = 0; added < 16; added++) await files.add(100);
      let held = (): Promise<unknown> => Promise.resolve();
      let overtaken = (): void => undefined;
      const waits = new Promise<void>((resolve) => {
        overtaken = resolve;
      });
      const items = new Proxy(files.items, {
        get(target, name) {
          const method = Reflect.get(target, name).bind(target) as (...given: unknown[]) => Promise<unknown>;
          const isHeld = ([first]: readonly unknown[]): boolean => late === "transact" || (first as { c?: number }).c === 1;
          if (name !== late) return method;
          return async (...given: unknown[]) => {
            if (!isHeld(given)) return method(...given);
            await waits;
            const result = await method(...given);
            held = () => Promise.resolve(result);
            return result;
          };
        },
      });
      const overtakenMerge = files.merge({ items });
      for (let turns = 0; turns < 5_000; turns++) await undefined;
      await files.merge();
      const merged = await files.files();
      expect(merged.map(({ level }) => level)).toEqual([1]);
      overtaken();
      await overtakenMerge;
      expect(await held(), `a late ${late}`).toMatchObject({ ok: false });
      expect(await files.files()).toEqual(merged);
      expect((await files.items.query({ pk: "km", limit: 10 })).items).toEqual([]);
    }
  });

  it("that expire while they are merged cost the others nothing", async () => {
    const files = new KeyFiles(1);
    await files.add(300, { lifeMs: DAY_MS });
    files.entries.length = 0;
    for (let added = 0; added < 15; added++) await files.add(300);
    let steps = 0;
    await files.merge(
      around(files, (apply) => {
        if (steps++ === 100) files.nowMs += 1.5 * DAY_MS;
        return apply();
      }),
    );
    expect(steps).toBeGreaterThan(100);
    expect(await levels(files)).toEqual([1]);
    const hashes = new Set(Array.from({ length: 50 }, () => files.random.pick(files.entries).hash));
    for (const hash of hashes) {
      const found = new Set((await files.found(hash)).map(({ offset }) => offset));
      for (const { offset } of files.written(hash)) expect(found).toContain(offset);
    }
  });

  it("that cannot be read are told, and hold up none of the others, wherever a merge meets them or dies then", async () => {
    for (let call = 0, isLast = false; !isLast; call++) {
      const files = new KeyFiles(call);
      const damaged = await files.add(400);
      const sound = files.entries.length;
      for (let added = 0; added < 31; added++) await files.add(100);
      await garble(files, damaged);
      const { died, ...stores } = dyingAt(files, call, files.random.pick(["before", "after"]));
      await expect(files.merge(stores)).rejects.toThrow();
      isLast = !died();
      await files.merge().catch(() => undefined);
      expect(await levels(files), `dead at ${call}`).toEqual([...Array(16).fill(0), 1]);
      const [left] = await files.files();
      expect(left?.name).toBe(damaged.name);
      files.entries.splice(0, sound);
      const others = (await files.files()).slice(1);
      const found = others.flatMap(({ parts }) => parts).reduce((sum, { count }) => sum + count, 0);
      expect(found, `dead at ${call}`).toBe(files.entries.length);
    }
  });

  it("that cannot be read, and have gone meanwhile, stay gone", async () => {
    const files = new KeyFiles(1);
    const damaged = await files.add(400);
    for (let added = 0; added < 16; added++) await files.add(100);
    await garble(files, damaged);
    const [item] = (await files.items.query({ pk: KEY_FILES_PK, limit: 1 })).items;
    const { objects } = around(files, (apply) => apply());
    const getRange: typeof objects.getRange = async (...call) => {
      if (call[0] === damaged.parts[0]?.objectKey) await files.items.delete(item as Key);
      return objects.getRange(...call);
    };
    await expect(files.merge({ objects: { ...objects, getRange } })).rejects.toThrow(StoreCorrupt);
    expect(await files.merge()).toBe(true);
    expect(await levels(files)).toEqual([0, 1]);
  });

  it("are merged though the item of one of them, or of the merge itself, cannot be read any more", async () => {
    for (const what of ["file", "merge"] as const) {
      const files = new KeyFiles(1);
      for (let added = 0; added < 17; added++) await files.add(200);
      let looks = 0;
      await mergeKeyFiles(files.merging(), () => looks++ === 3);
      const [begun] = (await files.items.query({ pk: "km", limit: 1 })).items;
      const [first] = (await files.items.query({ pk: KEY_FILES_PK, limit: 1 })).items;
      files.items.damage((what === "file" ? first : begun) as Key);
      await expect(files.merge()).rejects.toThrow(StoreCorrupt);
      await files.merge().catch(() => undefined);
      expect(await levels(files), what).toEqual(what === "file" ? [1] : [0, 1]);
      if (what === "merge") await expectAllFound(files, what);
    }
  });

  it("that cannot be read hold up no other class, and are told", async () => {
    const files = new KeyFiles(1);
    const { parts } = await files.add(100);
    for (let added = 0; added < 15; added++) await files.add(100);
    await files.objects.put(parts[0]?.objectKey as string, new Uint8Array(9_000));
    await expect(files.merge()).rejects.toThrow(StoreCorrupt);
    expect(await levels(files)).toEqual(Array(16).fill(0));
    const [item] = (await files.items.query({ pk: KEY_FILES_PK, limit: 1 })).items;
    if (!item) throw new Error("no key file");
    await files.items.put({ ...item, g: Uint8Array.of(255) });
    expect((await files.files()).length).toBe(15);
    await expect(files.merge()).rejects.toThrow("does not decode");
  });
});
