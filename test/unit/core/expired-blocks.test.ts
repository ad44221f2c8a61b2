import { describe, expect, it } from "vitest";
import { MemoryItemStore } from "../../../adapters/memory/memory-item-store.ts";
import { MemoryObjectStore } from "../../../adapters/memory/memory-object-store.ts";
import { blockKey, queuePk, skOffset } from "../../../core/keys.ts";
import { blockItem, blockOf } from "../../../core/log/block.ts";
import { dropExpired } from "../../../core/log/drop-expired.ts";
import { encodeBatch } from "../../../core/log/frame.ts";
import { CAP_STEP } from "../../../core/log/log-limits.ts";
import { queueOf } from "../../../core/log/queue.ts";
import { QueueReader } from "../../../core/log/queue-reader.ts";
import { makeFrameId } from "../../../core/message/message-id.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

const HOUR_MS = 3_600_000;
const START_MS = 1_800_000_000_000;
const QUEUE = queueOf({ uid: "t", retentionHours: 1, retentionRaises: [] }, 0);

/** A chain of blocks, each of a few frames, that grew at an uneven pace; `times` has the store time of each offset. */
async function unevenChain(random: SeededRandom, blocks: number) {
  let queries = 0;
  const items = new MemoryItemStore({ consumed: ({ operation }) => (queries += operation === "query" ? 1 : 0) });
  const times = new Map<number, number>();
  let base = 0;
  let nowMs = START_MS;
  for (let count = 0; count < blocks; count++) {
    if (random.chance(0.01)) base = (Math.floor(base / CAP_STEP) + 1) * CAP_STEP;
    const storedFromMs = nowMs;
    const frames: Uint8Array[] = [];
    let end = base;
    for (let frame = random.integer(1, 4); frame > 0; frame--) {
      nowMs += random.chance(0.02) ? random.integer(0, HOUR_MS) : random.integer(0, 10_000);
      const messages = random.integer(1, 3);
      // A clock that is behind: the store time of the chain does not fall.
      const storedAtMs = nowMs - (random.chance(0.2) ? 5_000 : 0);
      frames.push(encodeBatch({ storedAtMs, id: makeFrameId(storedAtMs, random.bytes(8)) }, Array(messages).fill(RECORD)));
      for (let record = 0; record < messages; record++)
        times.set(end + record, Math.max(storedAtMs, ...[times.get(end - 1) ?? 0, storedFromMs]));
      end += messages;
    }
    nowMs = times.get(end - 1) ?? nowMs;
    const bytes = frames.reduce((sum, { length }) => sum + length, 0);
    const block = {
      base,
      count: end - base,
      bytes,
      closingBytes: 0,
      expiresAtSeconds: 2 * START_MS,
      storedFromMs,
      frames,
      writeIds: new Set(["w"]),
    };
    await items.put(blockItem(blockKey("t", 0, base), block, nowMs));
    base = end;
  }
  return { items, times, end: base, endMs: nowMs, queries: () => queries };
}

const RECORD = {
  messageId: undefined,
  bornAtMs: 0,
  tag: undefined,
  keys: [],
  properties: new Map<string, string>(),
  messageGroup: undefined,
  priority: undefined,
  body: new Uint8Array(1),
};

describe("a chain of which a part has expired", () => {
  it("begins for every reader with the first message that has not, and is searched by time from there on", async () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = new SeededRandom(seed);
      const chain = await unevenChain(random, random.pick([1, 5, 300]));
      let nowMs = START_MS;
      const reader = new QueueReader({
        items: chain.items,
        objects: new MemoryObjectStore(),
        clock: { nowMs: () => nowMs, sleep: async () => undefined },
      });
      const all = [...chain.times];
      for (let look = 0; look < 12 && all.length > 0; look++) {
        nowMs += random.integer(0, Math.ceil((chain.endMs - START_MS) / 8) + HOUR_MS / 4);
        const live = all.filter(([, storedAtMs]) => storedAtMs >= nowMs - HOUR_MS);
        const first = live[0]?.[0] ?? chain.end;
        expect(await reader.minOffset(QUEUE), `seed ${seed}`).toBe(first);
        const timeMs = random.integer(START_MS, chain.endMs);
        const from = live.find(([, storedAtMs]) => storedAtMs >= timeMs)?.[0] ?? chain.end;
        expect(await reader.offsetAt(QUEUE, { timestampMs: timeMs }), `seed ${seed}`).toBe(from);
        const lastBefore = live.findLast(([, storedAtMs]) => storedAtMs <= timeMs)?.[0] ?? first;
        expect(await reader.offsetAt(QUEUE, { timestampMs: timeMs, boundary: "UPPER" }), `seed ${seed}`).toBe(lastBefore);
        const asked = random.pick(all)[0];
        const expected = live.filter(([offset]) => offset >= asked);
        const run = await reader.run(QUEUE, asked, 10);
        expect(run.available > 0 ? run.from : undefined, `seed ${seed}: from ${asked}`).toBe(expected[0]?.[0]);
        expect(run.available, `seed ${seed}`).toBeGreaterThanOrEqual(Math.min(1, expected.length));
        if (run.available === 0 || run.from >= CAP_STEP) continue;
        expect(run.expired, `seed ${seed}: from ${asked}`).toBe(
          all.filter(([offset]) => offset >= asked && offset < run.from).length,
        );
      }
    }
  });

  it("is searched in a few queries, however long it is, and in one or two where it was searched a moment ago", async () => {
    const random = new SeededRandom(1);
    const chain = await unevenChain(random, 5_000);
    let nowMs = START_MS + (chain.endMs - START_MS) / 2;
    const reader = new QueueReader({
      items: chain.items,
      objects: new MemoryObjectStore(),
      clock: { nowMs: () => nowMs, sleep: async () => undefined },
    });
    await reader.minOffset(QUEUE);
    expect(chain.queries()).toBeLessThan(25);
    let most = 0;
    for (let step = 0; step < 200; step++) {
      nowMs += 5_000;
      const before = chain.queries();
      await reader.minOffset(QUEUE);
      most = Math.max(most, chain.queries() - before);
    }
    expect(most).toBeLessThan(8);
  });

  it("is not read again for where it begins, before its first message has expired", async () => {
    const random = new SeededRandom(2);
    for (let round = 0; round < 20; round++) {
      const chain = await unevenChain(random, 200);
      let nowMs = START_MS + (chain.endMs - START_MS) / 2;
      const reader = new QueueReader({
        items: chain.items,
        objects: new MemoryObjectStore(),
        clock: { nowMs: () => nowMs, sleep: async () => undefined },
      });
      const first = await reader.minOffset(QUEUE);
      const before = chain.queries();
      nowMs = (chain.times.get(first) as number) + HOUR_MS;
      expect([await reader.minOffset(QUEUE), chain.queries()]).toEqual([first, before]);
      nowMs += 1;
      expect(await reader.minOffset(QUEUE)).toBeGreaterThan(first);
    }
  });

  it("begins later at once when its retention is lowered", async () => {
    const chain = await unevenChain(new SeededRandom(3), 300);
    const nowMs = chain.endMs;
    const clock = { nowMs: () => nowMs, sleep: async () => undefined };
    const reader = new QueueReader({ items: chain.items, objects: new MemoryObjectStore(), clock });
    const firstSince = (ms: number) => [...chain.times].find(([, storedAtMs]) => storedAtMs >= ms)?.[0];
    for (const retentionHours of [4, 3, 2, 1]) {
      const queue = queueOf({ uid: "t", retentionHours, retentionRaises: [] }, 0);
      expect(await reader.minOffset(queue)).toBe(firstSince(nowMs - retentionHours * HOUR_MS));
    }
  });

  it("begins where it does, though a frame was garbled on the way when it was looked at first", async () => {
    const times = [0, 1, 2].map((minutes) => START_MS + minutes * 60_000);
    const frames = times.map((storedAtMs) =>
      encodeBatch({ storedAtMs, id: makeFrameId(storedAtMs, new Uint8Array(8)) }, [RECORD]),
    );
    const rest = { bytes: 1, closingBytes: 0, expiresAtSeconds: 2 * START_MS, storedFromMs: START_MS, writeIds: new Set(["w"]) };
    const put = (stored: readonly Uint8Array[]) =>
      items.put(blockItem(blockKey("t", 0, 0), { ...rest, count: 3, frames: stored }, times[2] as number));
    const items = new MemoryItemStore();
    await put(frames.map((frame, at) => (at === 1 ? frame.slice(0, 3) : frame)));
    const clock = { nowMs: () => (times[1] as number) + HOUR_MS, sleep: async () => undefined };
    const reader = new QueueReader({ items, objects: new MemoryObjectStore(), clock });
    expect(await reader.minOffset(QUEUE)).toBe(2);
    await put(frames);
    expect(await reader.minOffset(QUEUE)).toBe(1);
  });

  it("is dropped but for its last block, however many blocks fill a page", async () => {
    for (const blocks of [1, 63, 64, 65, 128]) {
      const chain = await unevenChain(new SeededRandom(blocks), blocks);
      const clock = { nowMs: () => chain.endMs + 3 * HOUR_MS, sleep: async () => undefined };
      const dropped = await dropExpired({ items: chain.items, clock }, QUEUE, new AbortController().signal);
      const left = (await chain.items.query({ pk: queuePk("t", 0), limit: 1_000 })).items;
      expect(left.map((item) => skOffset(item.sk) + blockOf(item).count)).toEqual([chain.end]);
      expect(dropped === undefined).toBe(blocks === 1);
    }
  });
});
