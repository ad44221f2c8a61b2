import { describe, expect, it } from "vitest";
import { anchorKey, indexKey, skOffset, topicKey } from "../../../../core/keys.ts";
import { CAP_STEP } from "../../../../core/log/log-limits.ts";
import type { Clock } from "../../../../core/ports/clock.ts";
import type { Item, Query } from "../../../../core/ports/item-store.ts";
import { StoreUnavailable } from "../../../../core/ports/store-failures.ts";
import { dropRolled } from "../../../../core/roller/drop-rolled.ts";
import { rollOn } from "../../../../core/roller/keep-rolling.ts";
import { Roller } from "../../../../core/roller/roller.ts";
import { topicItem } from "../../../../core/topic/topic-codec.ts";
import { around, type Death, dyingAt } from "./failing-stores.ts";
import { HOUR_MS, MINUTE_MS, RolledStore } from "./rolled-store.ts";

const never = (): boolean => false;
const garbled = (frame: Uint8Array): Uint8Array => frame.map((byte, at) => (at === frame.length - 1 ? byte ^ 1 : byte));

/** Below the watermark every offset is in exactly one entry, whose segment is there. */
async function wholeBelowTheWatermark(store: RolledStore, queueId = 0): Promise<number> {
  let next = 0;
  for (const entry of await store.index(queueId)) {
    expect(skOffset(entry.sk)).toBe(next);
    next += entry.n as number;
    expect(store.table.objects.keys(entry.o as string)).toHaveLength(1);
  }
  expect(await store.rolledTo(queueId)).toBe(next);
  return next;
}

/** Some turns of the event loop, none or many. */
const turns = (store: RolledStore) => async (): Promise<void> => {
  for (let left = store.random.pick([0, 0, 1, 5, 40]); left > 0; left--) await new Promise((resolve) => setImmediate(resolve));
};

/** The sleep that ends with the first pass, and those that begin at once after it. */
const STOPPED_AT = 3;
const fail = (error: unknown): never => {
  throw error;
};

describe("the roller", () => {
  it("rolls full blocks only: one that may grow is left", async () => {
    const store = await RolledStore.open(1);
    await store.send(20);
    const tail = (await store.blocks()).at(-1) as Item;
    await store.table.items.put({ ...tail, lim: (tail.b as number) + 1 });
    store.ripen();
    await store.roll();
    expect(await store.rolledTo()).toBe(skOffset(tail.sk));
    const other = await store.table.process();
    await other.sendMessages("orders", [{ body: Buffer.from("more") }]);
    const before = await store.seen();
    expect(before.maxOffset).toBe(skOffset(tail.sk) + (tail.n as number) + 1);
    store.ripen();
    await store.rollAndDrop();
    expect(await store.seen()).toEqual(before);
    await wholeBelowTheWatermark(store);
  });

  it("leaves what is little, young, or about to expire", async () => {
    const store = await RolledStore.open(2);
    await store.send(5, { apartMs: 0 });
    const settings = { rollBytesMin: 10_000_000 };
    expect([await store.roll(), await store.rolledTo()]).toMatchObject([{ endedAt: undefined }, 0]);
    store.ripen();
    await store.roll({ settings });
    expect(await store.rolledTo()).toBe(0);
    store.table.pass(67 * HOUR_MS);
    await store.roll();
    expect(await store.rolledTo()).toBe(0);
    expect(store.table.objects.keys("log/").filter((key) => key.endsWith(".seg"))).toEqual([]);
  });

  it("keeps every message wherever it dies, and the next pass ends its work", async () => {
    for (const death of ["before", "after"] as const satisfies readonly Death[]) {
      for (let call = 0, over = false; !over; call++) {
        const store = await RolledStore.open(call, { queues: 2 });
        await store.send(40, { bytesMax: 100 });
        store.ripen();
        const queues = [0, 1];
        const before = [await store.seen(0), await store.seen(1)];
        const dying = dyingAt(store.stores, call, death);
        await store.roll(dying).catch(() => undefined);
        if (dying.died()) await Promise.all(queues.map((queueId) => wholeBelowTheWatermark(store, queueId)));
        else {
          // It reached the end: from here on the process dies as it drops.
          const pass = await store.roll();
          for (const rolled of pass.rolled.values())
            await dropRolled(store.rolling(dying), rolled, new AbortController().signal).catch(() => undefined);
          over = !dying.died();
        }
        const where = `dies ${death} call ${call}`;
        for (const queueId of queues) expect(await store.seen(queueId), where).toEqual(before[queueId]);
        await store.rollAndDrop();
        for (const queueId of queues) {
          expect(await store.seen(queueId), where).toEqual(before[queueId]);
          expect(await store.blocks(queueId), where).toHaveLength(1);
          expect(await wholeBelowTheWatermark(store, queueId), where).toBe(before[queueId]?.maxOffset);
        }
      }
    }
  });

  it("may run several times at once, with senders and droppers: one commit wins", async () => {
    for (let seed = 1; seed <= 15; seed++) {
      const store = await RolledStore.open(seed);
      await store.send(60, { bytesMax: 100 });
      store.ripen();
      const slow = around(store.stores, async (apply) => {
        await turns(store)();
        const result = await apply();
        await turns(store)();
        return result;
      });
      const rolling = async () => {
        for (let pass = 0; pass < 2; pass++) {
          await store.roll(slow);
          const { rolled } = await store.roll(slow);
          await store.drop({ rolled }, slow);
        }
      };
      const sending = async () => {
        for (let send = 0; send < 5; send++) {
          await store.send(4, { bytesMax: 100 });
          await turns(store)();
          store.ripen();
        }
      };
      await Promise.all([rolling(), rolling(), sending()]);
      const seen = await store.seen();
      expect(seen.messages.size, `seed ${seed}`).toBe(seen.maxOffset);
      expect(seen.maxOffset).toBeLessThan(CAP_STEP);
      await wholeBelowTheWatermark(store);
    }
  });

  it("does not pass a gap that only a stale list has", async () => {
    for (const hidden of [0, 3]) {
      const store = await RolledStore.open(3);
      await store.send(10, { bytesMax: 100 });
      store.ripen();
      const missing = (await store.blocks())[hidden]?.sk;
      const { items } = around(store.stores, (apply) => apply());
      const stale = async (query: Query) => {
        const page = await items.query(query);
        return query.consistent === false ? { ...page, items: page.items.filter(({ sk }) => sk !== missing) } : page;
      };
      await store.roll({ items: { ...items, query: stale } });
      expect(await store.rolledTo()).toBeLessThanOrEqual(skOffset(missing as string));
      await store.roll();
      expect(await wholeBelowTheWatermark(store)).toBe((await store.seen()).maxOffset);
    }
  });

  it("refuses the commit of a roller that was overtaken, whatever became of what the other one wrote", async () => {
    const store = await RolledStore.open(4);
    await store.send(10, { bytesMax: 100 });
    store.ripen();
    let overtaken: Promise<unknown> | undefined;
    const objects = Object.create(store.table.objects);
    objects.put = async (...call: Parameters<typeof store.table.objects.put>) => {
      await store.table.objects.put(...call);
      overtaken ??= (async () => {
        await store.roll();
        // As if its entry had expired: the key is free again.
        for (const { pk, sk } of await store.index()) await store.table.items.delete({ pk, sk });
      })();
      await overtaken;
    };
    await store.roll({ objects });
    expect(await store.index()).toEqual([]);
  });

  it("never writes over an index item", async () => {
    const store = await RolledStore.open(4);
    await store.send(10, { bytesMax: 100 });
    store.ripen();
    const other = { ...indexKey(store.topic.uid, 0, 0), x: 2_000_000_000 };
    await store.table.items.put(other);
    await store.roll();
    expect([await store.index(), await store.rolledTo()]).toEqual([[other], 0]);
  });

  it("does not bring the anchor of a deleted topic back", async () => {
    const store = await RolledStore.open(5);
    await store.send(10);
    store.ripen();
    const anchor = anchorKey(store.topic.uid, 0);
    const objects = Object.create(store.table.objects);
    objects.put = async (...call: Parameters<typeof store.table.objects.put>) => {
      await store.table.objects.put(...call);
      await store.broker.deleteTopic("orders", { dryRun: false });
      store.table.pass(HOUR_MS);
      await store.broker.maintain({ untilMs: store.table.clock.nowMs() + HOUR_MS });
    };
    await store.roll({ objects });
    expect(await store.table.items.get(anchor)).toBeUndefined();
    expect(await store.index()).toEqual([]);
  });

  it("lets a copy live as long as its last message, by the retention as it is stored", async () => {
    const store = await RolledStore.open(6, { retentionHours: 24 });
    await store.send(10, { bytesMax: 100 });
    store.table.pass(5 * HOUR_MS);
    await store.send(10, { bytesMax: 100 });
    store.ripen();
    const before = await store.seen();
    // What the roller knows of the topic is out of date.
    const roller = new Roller(store.rolling());
    await roller.roll({ ...store.topic, retentionHours: 20 }, 0, never);
    await roller.end();
    const [entry] = await store.index();
    expect(await store.index()).toHaveLength(1);
    await store.drop(await store.roll());
    const lastMs = entry?.t1 as number;
    store.table.pass(lastMs + 24 * HOUR_MS - 10 - store.table.clock.nowMs());
    const after = await store.seen();
    const last = [...before.messages].at(-1);
    expect(after.messages.get(last?.[0] as number)).toBe(last?.[1]);
    expect(after.minOffset).toBeGreaterThan(0);
    expect(after.maxOffset).toBe(before.maxOffset);
    const [, minute] = /^log\/r\d+\/(\d+)\//.exec(entry?.o as string) ?? [];
    expect(Number(minute) * MINUTE_MS).toBeGreaterThan((entry?.x as number) * 1_000);
    expect((entry?.x as number) * 1_000).toBeGreaterThanOrEqual(lastMs + 24 * HOUR_MS);
  });

  it("does not take for expired what has expired only by a retention from before", async () => {
    const store = await RolledStore.open(6, { retentionHours: 24 });
    await store.send(10, { bytesMax: 100 });
    store.table.pass(30 * HOUR_MS);
    await store.send(10, { bytesMax: 100 });
    store.ripen();
    // The roller's list is from before the retention was raised to 72 hours, days ago.
    await store.table.items.put(topicItem({ ...store.topic, retentionHours: 72, retentionRaises: [] }));
    const roller = new Roller(store.rolling());
    await roller.roll(store.topic, 0, never);
    await roller.end();
    expect(await store.rolledTo()).toBe(0);
    await store.roll();
    expect((await store.index())[0]?.sk).toBe((await store.blocks())[0]?.sk);
    expect(await store.rolledTo()).toBe((await store.seen()).maxOffset);
  });

  it("rolls nothing of a topic that is gone, though its list still has it", async () => {
    const store = await RolledStore.open(7);
    await store.send(10);
    store.ripen();
    await store.table.items.put({ ...topicItem({ ...store.topic, uid: "another" }), ...topicKey("orders") });
    const roller = new Roller(store.rolling());
    await roller.roll(store.topic, 0, never);
    await roller.end();
    expect(await store.rolledTo()).toBe(0);
  });

  it("puts runs of several queues into one segment, and ends a segment when it is full", async () => {
    const store = await RolledStore.open(8, { queues: 4 });
    const body = store.random.bytes(9_000);
    for (let send = 0; send < 1_300; send++) await store.broker.sendMessages("orders", [{ body }]);
    store.ripen();
    await store.roll();
    const segments = store.table.objects.keys("log/").filter((key) => key.endsWith(".seg"));
    expect(segments).toHaveLength(2);
    const sizes = await Promise.all(segments.map(async (key) => (await store.table.objects.getRange(key, 0, 1 << 25))?.length));
    expect(Math.max(...(sizes as number[]))).toBeLessThan(9_500_000);
    for (const queueId of [0, 1, 2, 3]) expect(await wholeBelowTheWatermark(store, queueId)).toBeGreaterThan(300);
  });
});

describe("dropping", () => {
  it("never drops the last block, so that senders go on behind it", async () => {
    for (const sends of [1, 2, 63, 64, 65, 128]) {
      const store = await RolledStore.open(9);
      for (let send = 0; send < sends; send++) await store.broker.sendMessages("orders", [{ body: store.random.bytes(600) }]);
      store.ripen();
      await store.rollAndDrop();
      expect(await store.blocks(), `${sends} sends`).toHaveLength(1);
      const other = await store.table.process();
      expect(await other.sendMessages("orders", [{ body: Buffer.from("next") }])).toMatchObject([{ offset: sends }]);
    }
  });

  it("copies what is stored, though it was garbled on the way when it was first read", async () => {
    const store = await RolledStore.open(10);
    await store.send(30);
    store.ripen();
    const before = await store.seen();
    const { items } = store.table;
    const query = items.query.bind(items);
    items.query = async (asked) => {
      const page = await query(asked);
      if (asked.limit === 1) return page;
      return {
        ...page,
        items: page.items.map((item) => (item.f ? { ...item, f: (item.f as Uint8Array[]).map(garbled) } : item)),
      };
    };
    await store.roll();
    items.query = query;
    await store.drop(await store.roll());
    expect(await store.blocks()).toHaveLength(1);
    expect(await store.seen()).toEqual(before);
  });

  it("leaves a block whose copy is garbled or gone", async () => {
    const store = await RolledStore.open(10);
    await store.send(30);
    store.ripen();
    const before = await store.seen();
    await store.roll();
    const [key] = store.table.objects.keys("log/").filter((name) => name.endsWith(".seg"));
    store.table.objects.lose(key as string);
    expect(await store.drop(await store.roll())).toBe(0);
    expect(await store.seen()).toEqual(before);
  });

  it("leaves the block that tells where a damaged one ends, also where a page of blocks ends between them", async () => {
    for (const damaged of [61, 62, 63]) {
      const store = await RolledStore.open(10);
      for (let send = 0; send < 70; send++) await store.broker.sendMessages("orders", [{ body: store.random.bytes(100) }]);
      store.ripen();
      await store.roll();
      const { f: _, ...item } = (await store.blocks())[damaged] as Item;
      await store.table.items.put(item as Item);
      await store.drop(await store.roll());
      const left = (await store.blocks()).map(({ sk }) => skOffset(sk));
      expect(left).toEqual([damaged, damaged + 1, 69]);
    }
  });

  it("leaves what is not rolled", async () => {
    const store = await RolledStore.open(11);
    await store.send(30);
    store.ripen();
    await store.roll();
    const rolledTo = await store.rolledTo();
    await store.send(30);
    await store.drop({ rolled: new Map([["", { queue: store.queue(), end: Number.MAX_SAFE_INTEGER }]]) });
    expect(skOffset((await store.blocks())[0]?.sk as string)).toBe(rolledTo);
  });
});

describe("a process that is alone on its store", () => {
  it("rolls by itself, and drops a copy's block a minute later, of which it has slept all", async () => {
    const store = await RolledStore.open(12);
    await store.send(150);
    const before = await store.seen();
    const stopping = new AbortController();
    let bytes = 0;
    const done = store.broker.keepRolling(stopping.signal, async (dropped) => {
      bytes += dropped.bytes;
    });
    let rolledAtMs: number | undefined;
    for (let step = 0; step < 2_000 && bytes === 0; step++) {
      await store.table.clock.sleep(1_000);
      if ((await store.rolledTo()) > 0) rolledAtMs ??= store.table.clock.nowMs();
    }
    expect(store.table.clock.nowMs() - (rolledAtMs ?? Number.POSITIVE_INFINITY)).toBeGreaterThanOrEqual(59_000);
    expect(await store.blocks()).toHaveLength(1);
    stopping.abort();
    await done;
    expect(await store.seen()).toEqual(before);
    expect(store.table.failures).toEqual([]);
  });

  it("goes on rolling while it waits for the room of what it dropped", async () => {
    const store = await RolledStore.open(12);
    await store.send(150);
    const stopping = new AbortController();
    let goOn = (): void => undefined;
    const waits = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    let drops = 0;
    const done = store.broker.keepRolling(stopping.signal, () => {
      drops += 1;
      return waits;
    });
    for (let step = 0; step < 2_000 && drops === 0; step++) await store.table.clock.sleep(1_000);
    const rolledTo = await store.rolledTo();
    await store.send(150);
    for (let step = 0; step < 2_000 && (await store.rolledTo()) === rolledTo; step++) await store.table.clock.sleep(1_000);
    expect(await store.rolledTo()).toBeGreaterThan(rolledTo);
    expect(drops).toBe(1);
    stopping.abort();
    goOn();
    await done;
  });

  it("drops later what it could not drop", async () => {
    const store = await RolledStore.open(12);
    await store.send(150);
    const { items } = store.table;
    const remove = items.delete.bind(items);
    let failed = 0;
    items.delete = async (key, options) => {
      if (failed++ === 0) throw new StoreUnavailable("not-applied", "unavailable", "the disk is busy");
      return remove(key, options);
    };
    const stopping = new AbortController();
    const done = rollOn({ ...store.rolling(), onFailure: () => undefined }, stopping.signal, async () => undefined);
    for (let step = 0; step < 2_000 && (await store.blocks()).length > 1; step++) await store.table.clock.sleep(1_000);
    expect(await store.blocks()).toHaveLength(1);
    expect(failed).toBeGreaterThan(1);
    stopping.abort();
    await done;
  });

  it("waits anew for what it has not slept, when its process was stopped", async () => {
    const store = await RolledStore.open(12);
    await store.send(150);
    store.ripen();
    let goOn = (): void => undefined;
    const stopped = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    let slept = 0;
    const { clock } = store.table;
    // All that the process sleeps for when it is stopped is over when it goes on.
    const stopping: Clock = {
      nowMs: () => clock.nowMs(),
      sleep: (ms, signal) => (slept++ < STOPPED_AT ? Promise.race([clock.sleep(ms, signal), stopped]) : clock.sleep(ms, signal)),
    };
    const ending = new AbortController();
    let dropped = 0;
    const done = rollOn({ ...store.rolling({ clock: stopping }), onFailure: fail }, ending.signal, async ({ bytes }) => {
      dropped += bytes;
    });
    while ((await store.rolledTo()) === 0) await clock.sleep(1_000);
    goOn();
    const goesOnMs = clock.nowMs();
    while (dropped === 0) await clock.sleep(1_000);
    expect(clock.nowMs() - goesOnMs).toBeGreaterThanOrEqual(50_000);
    ending.abort();
    await done;
  });

  it("drops nothing when it is stopped before the minute is over", async () => {
    const store = await RolledStore.open(13);
    await store.send(150);
    const stopping = new AbortController();
    const done = store.broker.keepRolling(stopping.signal, async () => undefined);
    for (let step = 0; step < 2_000 && (await store.rolledTo()) === 0; step++) await store.table.clock.sleep(1_000);
    expect(await store.rolledTo()).toBeGreaterThan(0);
    const blocks = await store.blocks();
    stopping.abort();
    await done;
    await store.table.clock.sleep(5 * MINUTE_MS);
    expect(await store.blocks()).toEqual(blocks);
  });
});
