import { MemoryItemStore } from "../../../../adapters/memory/memory-item-store.ts";
import { MemoryObjectStore } from "../../../../adapters/memory/memory-object-store.ts";
import { toBase64url } from "../../../../core/bytes/base64url.ts";
import { KeyCursor } from "../../../../core/key-index/key-cursor.ts";
import { type KeyFile, keyFileItem } from "../../../../core/key-index/key-file.ts";
import { listKeyFiles } from "../../../../core/key-index/list-key-files.ts";
import { type MergeDependencies, mergeKeyFiles } from "../../../../core/key-index/merge-key-files.ts";
import { keyPartObjectKey } from "../../../../core/keys.ts";
import { KEY_HASH_MAX } from "../../../../core/message/key-hash.ts";
import type { Clock } from "../../../../core/ports/clock.ts";
import { UNBOUNDED_READING } from "../../../../core/ports/reading.ts";
import { compareKeys, encodeKeys, type KeyEntry } from "../../../../core/segments/key-section.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";

export const DAY_MS = 86_400_000;
const CLASS_DAYS = 7;
export const PART_ENTRIES = 500;

export const mergesOf = (entries: number): MergeDependencies["settings"] => ({
  rollSettings: { merges: { files: 16, entries } },
});

/** Stores with key files, and what is in them. */
export class KeyFiles {
  nowMs = 1_800_000_000_000;
  /** Who sleeps wakes at once, so much later. */
  readonly clock: Clock = {
    nowMs: () => this.nowMs,
    sleep: async (ms) => {
      this.nowMs += ms;
    },
  };
  readonly items: MemoryItemStore;
  readonly objects: MemoryObjectStore;
  readonly random: SeededRandom;
  readonly entries: KeyEntry[] = [];

  constructor(seed: number, { items = new MemoryItemStore(), objects = new MemoryObjectStore() } = {}) {
    this.random = new SeededRandom(seed);
    this.items = items;
    this.objects = objects;
  }

  /** Some of a few hashes, many of any. */
  entry(): KeyEntry {
    const { random } = this;
    const hash = random.chance(0.3) ? random.integer(1, 5) * 2 ** 36 : Math.floor(random.fraction() * KEY_HASH_MAX);
    return {
      hash,
      storedAtMs: this.nowMs - random.integer(0, 5_000),
      queueId: random.integer(0, 255),
      offset: random.integer(0, 2 ** 40),
    };
  }

  async add(
    count: number,
    { lifeMs = 3 * DAY_MS, entries = Array.from({ length: count }, () => this.entry()) } = {},
  ): Promise<KeyFile> {
    const { nowMs } = this;
    const name = toBase64url(this.random.bytes(9));
    const objectKey = keyPartObjectKey(CLASS_DAYS, Math.ceil((nowMs + lifeMs) / 60_000) * 60_000, nowMs, name);
    const before = new Uint8Array(this.random.integer(0, 40));
    await this.objects.put(objectKey, Buffer.concat([before, encodeKeys([...entries].sort(compareKeys))]));
    const lowestHash = Math.min(...entries.map(({ hash }) => hash));
    const file = {
      level: 0,
      classDays: CLASS_DAYS,
      name,
      parts: [{ objectKey, byteOffset: before.length, count: entries.length, lowestHash }],
      storedFromMs: Math.min(...entries.map(({ storedAtMs }) => storedAtMs)),
      storedUntilMs: Math.max(...entries.map(({ storedAtMs }) => storedAtMs)),
      expiresAtSeconds: Math.floor((nowMs + lifeMs) / 1_000),
    };
    await this.items.put(keyFileItem(file));
    this.entries.push(...entries);
    this.nowMs += 1_000;
    return file;
  }

  merging(stores: Partial<MergeDependencies> = {}): MergeDependencies {
    const { clock, items, objects } = this;
    const random = new SeededRandom(this.random.bits());
    return { items, objects, clock, random, reading: UNBOUNDED_READING, settings: mergesOf(PART_ENTRIES), ...stores };
  }

  merge(stores: Partial<MergeDependencies> = {}): Promise<boolean> {
    return mergeKeyFiles(this.merging(stores), () => false);
  }

  files(): Promise<readonly KeyFile[]> {
    return listKeyFiles(this.items, this.nowMs).then(({ files }) => files);
  }

  /** All entries that are found with the hash, each once, in order. */
  async found(hash: number): Promise<readonly KeyEntry[]> {
    const from = { hash, storedAtMs: Number.MAX_SAFE_INTEGER, queueId: 255, offset: Number.MAX_SAFE_INTEGER };
    const found: KeyEntry[] = [];
    for (const file of await this.files()) {
      const cursor = new KeyCursor(this.objects, file, { from, highestHash: hash });
      for (let entry = await cursor.next(); entry?.hash === hash; entry = await cursor.next()) found.push(entry);
    }
    return once(found);
  }

  written(hash: number): readonly KeyEntry[] {
    return once(this.entries.filter((entry) => entry.hash === hash));
  }
}

function once(entries: readonly KeyEntry[]): readonly KeyEntry[] {
  const sorted = [...entries].sort(compareKeys);
  return sorted.filter((entry, index) => index === 0 || compareKeys(sorted[index - 1] as KeyEntry, entry) !== 0);
}
