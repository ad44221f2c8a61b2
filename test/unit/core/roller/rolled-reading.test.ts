import { describe, expect, it } from "vitest";
import { blockKey, skOffset } from "../../../../core/keys.ts";
import type { Item, ItemStore } from "../../../../core/ports/item-store.ts";
import { around } from "./failing-stores.ts";
import { HOUR_MS, MINUTE_MS, RolledStore } from "./rolled-store.ts";

const SEEDS = 8;

/** A queue of which some has been rolled, and some of that dropped, in any order. */
async function halfDropped(seed: number) {
  const store = await RolledStore.open(seed);
  for (let round = store.random.integer(1, 3); round > 0; round--) {
    await store.send(store.random.pick([5, 60, 150]));
    store.ripen();
    await store.roll();
  }
  await store.send(store.random.integer(1, 20));
  const before = await store.seen();
  const blocks = await store.blocks();
  const rolledTo = await store.rolledTo();
  const share = store.random.pick([0, 0.5, 0.95, 1]);
  for (const { pk, sk } of blocks.slice(0, -1)) {
    if (skOffset(sk) < rolledTo && store.random.chance(share)) await store.table.items.delete({ pk, sk });
  }
  return { store, before, rolledTo };
}

const KNOWN = { body: Buffer.from("x"), once: { kind: "key", key: "payment", windowMs: 24 * HOUR_MS } } as const;

describe("a queue whose blocks left for segments", () => {
  it("shows every offset the same message, under the same id, stored at the same time", async () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const { store, before } = await halfDropped(seed);
      expect(before.messages.size, `seed ${seed}`).toBe(before.maxOffset);
      for (let look = 0; look < 4; look++) expect(await store.seen(), `seed ${seed}`).toEqual(before);
      const log = store.log();
      expect(await store.seen(0, log), `seed ${seed}`).toEqual(before);
      expect(await store.seen(0, log), `seed ${seed}: a second time`).toEqual(before);
    }
  });

  it("is read whole where an eventually consistent read does not show yet what was rolled", async () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const { store, before } = await halfDropped(seed);
      const { items } = around(store.stores, (apply) => apply());
      const behind: ItemStore = {
        ...items,
        query: async (query) => {
          const isLate = query.consistent === false && query.pk.startsWith("s#") && store.random.chance(0.7);
          return isLate ? { items: [], more: false } : items.query(query);
        },
      };
      const late = { ...store.stores, items: behind };
      expect(await store.seen(0, store.log(late)), `seed ${seed}`).toEqual(before);
      for (let look = 0; look < 30; look++) {
        const offset = store.random.integer(0, before.maxOffset - 1);
        const count = store.random.pick([1, 60, 400]);
        const { from, available } = await store.log(late).reader.run(store.queue(), offset, count);
        expect([from, available >= Math.min(count, before.maxOffset - offset)], `seed ${seed}`).toEqual([offset, true]);
      }
    }
  });

  it("is searched by time over both, to the message", async () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const { store, before } = await halfDropped(seed);
      const times = [...before.messages].map(([offset, text]) => [offset, Number(text.split(" ")[1])] as const);
      const log = store.log();
      for (let look = 0; look < 20; look++) {
        const timeMs = store.random.pick(times)[1] + store.random.integer(-1, 1);
        const first = times.find(([, storedAtMs]) => storedAtMs >= timeMs)?.[0] ?? before.maxOffset;
        expect(await log.reader.offsetAt(store.queue(), { timestampMs: timeMs }), `seed ${seed}`).toBe(first);
      }
    }
  });

  it("begins, as it expires, where its first message is that has not, and never earlier than before", async () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const { store, before } = await halfDropped(seed);
      const times = [...before.messages].map(([offset, text]) => [offset, Number(text.split(" ")[1])] as const);
      const log = store.log();
      store.table.pass(72 * HOUR_MS - 60 * MINUTE_MS);
      for (let step = 0; step < 30; step++) {
        store.table.pass(store.random.integer(0, 4 * MINUTE_MS));
        const nowMs = store.table.clock.nowMs();
        const live = times.filter(([, storedAtMs]) => storedAtMs >= nowMs - 72 * HOUR_MS);
        const first = live[0]?.[0] ?? before.maxOffset;
        const kept = new Map([...before.messages].filter(([offset]) => offset >= first));
        expect(await log.reader.minOffset(store.queue()), `seed ${seed}`).toBe(first);
        expect(await store.seen(), `seed ${seed}`).toMatchObject({ minOffset: first, messages: kept });
      }
    }
  });

  it("goes on behind what is gone, wherever that lies", async () => {
    const store = await RolledStore.open(2);
    for (let round = 0; round < 3; round++) {
      await store.send(20, { bytesMax: 100 });
      store.ripen();
      await store.roll();
    }
    await store.drop(await store.roll());
    const before = await store.seen();
    const [, second, third] = (await store.index()).map(({ sk }) => skOffset(sk));
    for (const gone of [0, 1]) {
      const [first, next] = await store.index();
      const entry = (gone === 0 ? first : next) as Item;
      const kept = await store.index();
      await store.table.items.delete(entry);
      const [from, to] = gone === 0 ? [0, second] : [second, third];
      const left = [...before.messages].filter(([offset]) => offset < (from as number) || offset >= (to as number));
      for (let look = 0; look < 4; look++) expect((await store.seen()).messages).toEqual(new Map(left));
      for (const item of kept) await store.table.items.put(item);
    }
  });

  it("keeps its times where batches were stored later than they were made", async () => {
    const store = await RolledStore.open(1);
    const slow = store.table.objects.put.bind(store.table.objects);
    store.table.objects.put = async (...call) => {
      store.table.pass(7_000);
      return slow(...call);
    };
    for (let send = 0; send < 20; send++)
      await store.broker.sendMessages("orders", [{ body: store.random.bytes(send % 2 ? 20_000 : 100) }]);
    store.ripen();
    const before = await store.seen();
    await store.rollAndDrop();
    expect(await store.blocks()).toHaveLength(1);
    expect(await store.seen()).toEqual(before);
  });

  it("counts what cannot be read where it is, before and after; a restart of the chain behind it loses nothing", async () => {
    const store = await RolledStore.open(3);
    const damage = async (at: number) => {
      const block = (await store.blocks()).at(at);
      if (!block) throw new Error("no such block");
      await store.table.items.put({ ...block, f: "?" });
    };
    await store.send(20, { bytesMax: 100 });
    await damage(7);
    await damage(-1);
    await store.send(20, { bytesMax: 100 });
    const garbled = (await store.blocks()).at(-4) as Item;
    await store.table.items.put({ ...garbled, f: (garbled.f as Uint8Array[]).map((frame) => frame.map((byte) => byte ^ 1)) });
    await store.send(20, { bytesMax: 100 });
    store.ripen();
    const before = await store.seen();
    expect(before.unreadable.length).toBeGreaterThan(2);
    await store.rollAndDrop();
    await store.rollAndDrop();
    // The two that cannot be read, what is behind each of them, and the tail.
    expect(await store.blocks()).toHaveLength(5);
    const after = await store.seen();
    expect(after).toEqual(before);
  });

  it("reads from a segment what cannot be read in the chain any more", async () => {
    const store = await RolledStore.open(6);
    await store.send(30);
    store.ripen();
    const before = await store.seen();
    await store.roll();
    for (const at of [0, 7, 8, -2]) {
      const block = (await store.blocks()).at(at) as Item;
      await store.table.items.put({ ...block, f: "?" });
    }
    for (let look = 0; look < 4; look++) expect(await store.seen()).toEqual(before);
    await store.drop(await store.roll());
    expect(await store.seen()).toEqual(before);
  });

  it("finds a known send where its block cannot be read any more", async () => {
    const store = await RolledStore.open(4);
    await store.send(10);
    const [first] = await store.broker.sendMessages("orders", [KNOWN]);
    await store.send(10);
    store.ripen();
    await store.roll();
    for (const block of await store.blocks()) await store.table.items.put({ ...block, f: "?" });
    const again = await store.table.process();
    expect((await again.sendMessages("orders", [KNOWN]))[0]).toMatchObject({ ...(first as object), duplicate: true });
  });

  it("finds a known send where its block has gone", async () => {
    const store = await RolledStore.open(4);
    await store.send(10);
    const [first] = await store.broker.sendMessages("orders", [KNOWN]);
    await store.send(10);
    store.ripen();
    await store.rollAndDrop();
    expect(await store.table.items.get(blockKey(store.topic.uid, 0, 0))).toBeUndefined();
    expect((await store.broker.sendMessages("orders", [KNOWN]))[0]).toMatchObject({ ...(first as object), duplicate: true });
  });

  it("says that a page is garbled, but where the chain still has what is in it", async () => {
    for (const dropped of [false, true]) {
      const store = await RolledStore.open(5);
      await store.send(150);
      store.ripen();
      const before = await store.seen();
      const pass = await store.roll();
      if (dropped) await store.drop(await store.roll());
      expect(pass.rolled.size).toBe(1);
      const [key] = store.table.objects.keys("log/").filter((name) => name.endsWith(".seg"));
      const bytes = (await store.table.objects.getRange(key as string, 0, 1 << 24)) as Uint8Array;
      bytes[1_000] = (bytes[1_000] as number) ^ 1;
      await store.table.objects.put(key as string, bytes);
      const after = await store.seen();
      if (!dropped) expect(after).toEqual(before);
      else {
        expect(after.unreadable.length).toBeGreaterThan(0);
        expect(after.messages.size + after.unreadable.length).toBe(before.messages.size);
        expect(new Map([...before.messages].filter(([offset]) => !after.unreadable.includes(offset)))).toEqual(after.messages);
      }
    }
  });
});
