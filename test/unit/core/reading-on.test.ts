import { describe, expect, it } from "vitest";
import { MemoryObjectStore } from "../../../adapters/memory/memory-object-store.ts";
import { compileFilter } from "../../../core/filter/compile-filter.ts";
import { anchorKey, blockKey } from "../../../core/keys.ts";
import { isLive, isOpen, nextBase } from "../../../core/log/block.ts";
import { CAP_STEP } from "../../../core/log/log-limits.ts";
import { QueueLog } from "../../../core/log/queue-log.ts";
import { nextHint } from "../../../core/log/run-walk.ts";
import type { ItemStore } from "../../../core/ports/item-store.ts";
import { findMatching } from "../../../core/pull/find-matching.ts";
import type { StoredMessage } from "../../../core/terms.ts";
import { SeededRandom } from "../../support/seeded-random.ts";
import { GrowingChain, isWanted, NOW_MS, QUEUE } from "./growing-chain.ts";

const SEEDS = 60;
const wanted = compileFilter({ type: "TAG", expression: "wanted" });

function logOver(items: ItemStore): QueueLog {
  const clock = { nowMs: () => NOW_MS, sleep: async () => undefined };
  const plain = { deflate: (bytes: Uint8Array) => bytes, inflate: (bytes: Uint8Array) => bytes };
  const objects = new MemoryObjectStore();
  return new QueueLog(
    { items, objects, clock, random: new SeededRandom(1), compressor: plain },
    {
      inlineFrameBytesMax: 10_240,
      transactedInlineBytesMax: 10_240,
      detachedInlineBytesMax: 10_240,
      packFromBytes: Number.POSITIVE_INFINITY,
    },
  );
}

/** Some blocks, the first ones perhaps expired, some of those deleted, with a restart now and then. */
async function someChain(random: SeededRandom): Promise<GrowingChain> {
  const chain = new GrowingChain(random);
  for (let count = random.pick([0, 0, 3, 40]); count > 0; count--) await chain.write(false);
  for (const { base } of [...chain.blocks]) {
    if (random.chance(0.3)) await chain.items.delete(blockKey(QUEUE.topicUid, QUEUE.queueId, base));
  }
  if (random.chance(0.3)) await chain.restart();
  for (let count = random.pick([1, 5, 20, 60]); count > 0; count--) await chain.write();
  return chain;
}

/** The base of a block at or before the offset, near or far; or none. */
function someHint(random: SeededRandom, chain: GrowingChain, offset: number): number | undefined {
  const bases = chain.blocks.map(({ base }) => base).filter((base) => base <= offset);
  const near = bases.at(-1);
  return random.chance(0.4) || near === undefined ? undefined : random.pick([near, ...bases]);
}

const texts = (messages: readonly StoredMessage[]) =>
  messages.map(({ offset, body }) => [offset, Buffer.from(body).toString()] as const);

describe("reading on while others write", () => {
  it("gives every offset once, in order, and leaves none out", async () => {
    const ends: (number | undefined)[] = [];
    for (let seed = 1; seed <= SEEDS; seed++) {
      const random = new SeededRandom(seed);
      const chain = await someChain(random);
      const log = logOver(chain.torn(random.pick([0, 5, 30])));
      const live = chain.blocks.filter((block) => isLive(block, NOW_MS));
      const start = random.pick([0, ...live.map(({ base }) => base), chain.end - 1]);
      let next = start;
      let hint = someHint(random, chain, start);
      const seen: (readonly [number, string])[] = [];
      for (let round = 0; round < 200; round++) {
        const count = random.pick([1, 4, 12, 32]);
        const { end } = chain;
        const run = await log.reader.run(QUEUE, next, count, hint);
        expect(run.end ?? end, `seed ${seed}`).toBeGreaterThanOrEqual(end);
        expect(run.end ?? end, `seed ${seed}`).toBeLessThanOrEqual(chain.end);
        if (run.available > 0 && run.available < count) ends.push(run.end);
        if (run.available === 0 && !chain.quiet()) break;
        if (run.available === 0) continue;
        const taken = Math.min(count, run.available);
        const { messages, unreadable } = await log.messages(run, run.from, taken, QUEUE);
        expect([messages.length, unreadable], `seed ${seed}`).toEqual([taken, []]);
        seen.push(...texts(messages));
        next = run.from + taken;
        hint = random.chance(0.5) ? nextHint(run, next) : someHint(random, chain, next);
      }
      const expired = new Set(chain.blocks.filter((block) => !isLive(block, NOW_MS)).flatMap(offsetsOf));
      const there = [...chain.written].filter(([offset]) => offset >= start && !expired.has(offset));
      expect(seen, `seed ${seed}`).toEqual(there);
    }
    // Whoever reads to the end knows where that was, unless the chain was restarted behind it.
    expect(ends.filter((end) => end !== undefined).length).toBeGreaterThan(ends.length / 2);
  });

  it("finds every message that matches once", async () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const random = new SeededRandom(seed);
      const chain = await someChain(random);
      const log = logOver(chain.torn(random.pick([0, 5, 30])));
      const start = chain.blocks.find((block) => isLive(block, NOW_MS))?.base ?? 0;
      const found: (readonly [number, string])[] = [];
      let next = start;
      let hint = someHint(random, chain, start);
      for (let round = 0; round < 200; round++) {
        const search = { from: next, hint, messages: random.pick([1, 4, 12]), bytes: 1_000_000 };
        const { messages, ...rest } = await findMatching(log, QUEUE, wanted, search);
        if (rest.next === next && !chain.quiet()) break;
        found.push(...texts(messages));
        ({ next, hint } = rest);
      }
      const there = [...chain.written].filter(([offset]) => offset >= start && isWanted(offset));
      expect(found, `seed ${seed}`).toEqual(there);
    }
  });

  it("ends a search when its time is over, and goes on behind it", async () => {
    const chain = new GrowingChain(new SeededRandom(1));
    while (chain.written.size < 1_000) await chain.write();
    const log = logOver(chain.items);
    const none = compileFilter({ type: "TAG", expression: "nothing" });
    let asked = 0;
    const search = { messages: 1, bytes: 1, over: () => ++asked >= 3 };
    const first = await findMatching(log, QUEUE, none, { ...search, from: 0 });
    expect(first).toMatchObject({ next: 3 * 64, messages: [] });
    const late = await findMatching(log, QUEUE, none, { ...search, from: first.next, hint: first.hint });
    expect(late).toMatchObject({ next: 4 * 64 });
  });

  it("tells how many messages have expired before what is left, not how many offsets", async () => {
    const chain = new GrowingChain(new SeededRandom(2));
    for (let count = 0; count < 20; count++) await chain.write(false);
    const { end } = chain;
    const log = logOver(chain.items);
    expect(await log.reader.run(QUEUE, 0, 1)).toMatchObject({ available: 0, expired: 0 });
    await chain.restart();
    expect(await log.reader.run(QUEUE, 3, 1)).toMatchObject({ from: CAP_STEP, expired: end - 3 });
    expect(await log.reader.run(QUEUE, end, 1)).toMatchObject({ from: CAP_STEP, expired: 0 });
    // Who finds nothing has not seen where the queue ends.
    expect(await log.reader.run(QUEUE, chain.end + 1, 1)).toMatchObject({ available: 0, end: undefined });
  });
});

describe("reading on past blocks that are damaged", () => {
  it("gives every other message, and names theirs as far as their neighbours tell", async () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const random = new SeededRandom(seed);
      const chain = await someChain(random);
      if (random.chance(0.5)) await chain.restart();
      const live = chain.blocks.filter((block) => isLive(block, NOW_MS));
      const damaged = live.filter(() => random.chance(0.3));
      for (const { base } of damaged) chain.items.damage(blockKey(QUEUE.topicUid, QUEUE.queueId, base));
      const log = logOver(chain.items);
      const unreadable: number[] = [];
      const seen: number[] = [];
      let next = live[0]?.base ?? 0;
      let hint: number | undefined;
      for (;;) {
        const count = random.pick([1, 4, 12, 32]);
        const run = await log.reader.run(QUEUE, next, count, hint);
        if (run.available === 0) break;
        const taken = Math.min(count, run.available);
        const read = await log.messages(run, run.from, taken, QUEUE);
        expect(read.messages.length + read.unreadable.length, `seed ${seed}`).toBe(taken);
        seen.push(...read.messages.map(({ offset }) => offset));
        unreadable.push(...read.unreadable.map(({ offset }) => offset));
        next = run.from + taken;
        hint = random.chance(0.5) ? nextHint(run, next) : someHint(random, chain, next);
      }
      const behind = (base: number): number => live[live.findIndex((block) => block.base === base) + 1]?.base ?? 0;
      const named = damaged.flatMap((block) => (behind(block.base) === nextBase(block) ? offsetsOf(block) : [block.base]));
      const readable = live.filter((block) => !damaged.includes(block)).flatMap(offsetsOf);
      expect([seen, unreadable], `seed ${seed}`).toEqual([readable, named]);
      expect(await log.reader.minOffset(QUEUE), `seed ${seed}`).toBe(live[0]?.base);
      const last = live.at(-1);
      expect(await log.reader.maxOffset(QUEUE), `seed ${seed}`).toBe(
        last && (damaged.includes(last) ? last.base + 1 : chain.end),
      );
    }
  });
});

describe("writing on", () => {
  it("leaves an open block that is damaged between two writes to it, and starts again at the cap", async () => {
    let chain = new GrowingChain(new SeededRandom(1));
    for (let seed = 2; !chain.blocks.some(isOpen); seed++) {
      chain = new GrowingChain(new SeededRandom(seed));
      await chain.write();
    }
    await chain.items.put({ ...anchorKey(QUEUE.topicUid, QUEUE.queueId), cap: CAP_STEP });
    const log = logOver(chain.items);
    const topic = { uid: QUEUE.topicUid, retentionHours: 1, flushMode: "ASYNC_FLUSH" } as const;
    const append = async (text: string) => {
      const record = { bornAtMs: NOW_MS, keys: [], properties: new Map<string, string>(), body: Buffer.from(text) };
      const none = { messageId: undefined, tag: undefined, messageGroup: undefined, priority: undefined };
      return log.append(topic, QUEUE.queueId, [{ ...record, ...none }]);
    };
    const { end } = chain;
    expect(await append("first")).toMatchObject({ status: "stored", offset: end });
    chain.items.damage(blockKey(QUEUE.topicUid, QUEUE.queueId, chain.blocks.at(-1)?.base ?? 0));
    expect(await append("second")).toMatchObject({ status: "stored", offset: CAP_STEP });
    expect(await append("third")).toMatchObject({ status: "stored", offset: CAP_STEP + 1 });
  });
});

describe("looking whether there is more", () => {
  it("finds it however many blocks lie between the hint and the offset", async () => {
    for (let seed = 1; seed <= 15; seed++) {
      const random = new SeededRandom(seed);
      const chain = new GrowingChain(random);
      for (let count = 0; count < 80; count++) await chain.write();
      for (const offset of [0, random.integer(1, chain.end - 2), chain.end - 1, chain.end]) {
        const bases = chain.blocks.map(({ base }) => base).filter((base) => base <= offset);
        for (const hint of new Set([0, random.pick(bases), bases.at(-1) ?? 0])) {
          const { reader } = logOver(chain.items);
          expect(await reader.reaches(QUEUE, offset, hint), `seed ${seed}: ${offset} from ${hint}`).toBe(offset < chain.end);
        }
      }
    }
  });
});

const offsetsOf = ({ base, count }: { readonly base: number; readonly count: number }): readonly number[] =>
  Array.from({ length: count }, (_, index) => base + index);
