import { describe, expect, it } from "vitest";
import { keyFileOf } from "../../../../core/key-index/key-file.ts";
import { KeyIndex } from "../../../../core/key-index/key-index.ts";
import { KEY_FILES_PK } from "../../../../core/keys.ts";
import { queueOf } from "../../../../core/log/queue.ts";
import { hasName, type MessageName, type Window } from "../../../../core/query/candidates.ts";
import { newestFirst, type Position } from "../../../../core/query/position.ts";
import { ROLL_SETTINGS } from "../../../../core/roller/roll-limits.ts";
import type { StoredMessage } from "../../../../core/terms.ts";
import { dyingAt } from "../roller/failing-stores.ts";
import { MINUTE_MS, RolledStore } from "../roller/rolled-store.ts";

const SEEDS = 6;
const QUEUES = 3;

/** A store some of which is rolled, and some of that dropped, with messages of few keys and ids of their own. */
async function someRolled(seed: number): Promise<{ readonly store: RolledStore; readonly messages: readonly StoredMessage[] }> {
  const store = await RolledStore.open(seed, { queues: QUEUES });
  const { random } = store;
  for (let round = 0; round < 4; round++) {
    for (let sends = random.integer(5, 40); sends > 0; sends--) {
      const large = random.chance(0.1);
      const messages = Array.from({ length: random.pick([1, 1, 5, 10]) }, () => ({
        body: random.bytes(large ? 4_000 : random.integer(1, 300)),
        keys: Array.from({ length: random.integer(0, 2) }, () => (random.chance(0.4) ? "hot" : `k${random.integer(1, 12)}`)),
        ...(random.chance(0.1) && { messageId: `own-${random.integer(1, 5)}` }),
      }));
      await store.broker.sendMessages("orders", messages);
      store.table.pass(random.chance(0.1) ? -2_000 : random.integer(0, 2_000));
    }
    const pass = random.integer(0, 3);
    if (pass > 0) store.ripen();
    if (pass === 1) await store.roll();
    if (pass > 1) await store.rollAndDrop();
  }
  return { store, messages: await allOf(store) };
}

async function allOf(store: RolledStore): Promise<readonly StoredMessage[]> {
  const log = store.log();
  const messages: StoredMessage[] = [];
  for (let queueId = 0; queueId < QUEUES; queueId++) {
    const queue = queueOf(store.topic, queueId);
    for (let next = 0; ; ) {
      const run = await log.reader.run(queue, next, 1_000);
      if (run.available === 0) break;
      messages.push(...(await log.messages(run, run.from, run.available, queue)).messages);
      next = run.from + run.available;
    }
  }
  return messages;
}

const placeOf = ({ storedAtMs, queueId, offset }: Position): Position => ({ storedAtMs, queueId, offset });

async function found(store: RolledStore, name: MessageName, window: Window): Promise<readonly Position[]> {
  const index = new KeyIndex({ ...store.stores, clock: store.table.clock, log: store.log() });
  const search = index.search(store.topic, name, window);
  const positions: Position[] = [];
  for (let steps = 0; steps < 1_000; steps++) {
    const step = await search.step();
    positions.push(...step.found);
    if (!step.reached) return positions;
  }
  throw new Error("an endless search");
}

const NAMES: readonly MessageName[] = [
  ...["hot", "k1", "k2", "k7", "k12", "nothing"].map((text) => ({ kind: "key", text }) as const),
  ...["own-1", "own-5", "k1"].map((text) => ({ kind: "id", text }) as const),
];

describe("the index of keys", () => {
  it("finds exactly what has a name, the newest first, rolled or not, dropped or not", async () => {
    let most = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const { store, messages } = await someRolled(seed);
      for (const name of NAMES) {
        const having = newestFirst(messages.filter((message) => hasName(message, name)).map(placeOf));
        expect(await found(store, name, {}), `seed ${seed}, ${name.kind} ${name.text}`).toEqual(having);
        most = Math.max(most, having.length);
      }
    }
    expect(most).toBeGreaterThan(64);
  });

  it("misses nothing of what a roller that died had begun, wherever that was", async () => {
    for (const death of ["before", "after"] as const)
      for (let call = 0, died = true; died; call++) {
        const store = await RolledStore.open(5, { queues: QUEUES });
        for (let sent = 0; sent < 30; sent++)
          await store.broker.sendMessages("orders", [{ body: store.random.bytes(100), keys: ["hot", `k${sent}`] }]);
        store.ripen();
        const dying = dyingAt(store.stores, call, death);
        await store.roll(dying).catch(() => undefined);
        died = dying.died();
        const messages = await allOf(store);
        for (const text of ["hot", "k3", "k29"]) {
          const having = messages.filter(({ keys }) => keys.includes(text)).map(placeOf);
          expect(await found(store, { kind: "key", text }, {}), `dead ${death} call ${call}`).toEqual(newestFirst(having));
        }
      }
  });

  it("finds messages with very many keys, which fill segments sooner than their blocks do", async () => {
    const store = await RolledStore.open(1);
    const keys = Array.from({ length: 32 }, (_, index) => `k${index}`);
    for (let sent = 0; sent < 400; sent++)
      await store.broker.sendMessages("orders", [{ body: Buffer.from("x"), keys: [...keys.slice(1), `one-${sent}`] }]);
    store.ripen();
    const settings = { rollBytesMin: 500, rollSettings: { ...ROLL_SETTINGS, segmentBytes: 40_000 } };
    await store.roll({ settings });
    const index = await store.index();
    expect(index.length).toBeGreaterThan(4);
    expect(await store.rolledTo()).toBeGreaterThan(390);
    for (const sent of [0, 57, 200, 399])
      expect(await found(store, { kind: "key", text: `one-${sent}` }, {})).toMatchObject([{ offset: sent }]);
    expect(await found(store, { kind: "key", text: "k31" }, {})).toHaveLength(400);
  });

  it("finds what else there is where part of it is damaged, and says so", async () => {
    const store = await RolledStore.open(1);
    const send = (keys: readonly string[]) => store.broker.sendMessages("orders", [{ body: Buffer.alloc(100), keys }]);
    for (let sent = 0; sent < 30; sent++) await send(["hot"]);
    store.ripen();
    await store.roll();
    await send(["hot"]);
    const query = { key: "hot", limit: 64, maxBytes: 1_000_000 };
    expect(await store.broker.queryMessages("orders", query)).toMatchObject({ complete: true, items: { length: 31 } });
    const [item] = (await store.table.items.query({ pk: KEY_FILES_PK, limit: 10 })).items;
    const [part] = item ? keyFileOf(item).parts : [];
    const { objectKey = "", byteOffset = 0 } = part ?? {};
    const object = (await store.table.objects.getRange(objectKey, 0, 1 << 24)) as Uint8Array;
    object[byteOffset + 20] = (object[byteOffset + 20] as number) ^ 1;
    await store.table.objects.put(objectKey, object);
    expect(await store.broker.queryMessages("orders", query)).toMatchObject({ complete: false, items: [{ offset: 30 }] });
    // As merges leave it, once they have met it.
    if (item) await store.table.items.put({ ...item, d: 1 });
    expect(await store.broker.queryMessages("orders", query)).toMatchObject({ complete: false, items: [{ offset: 30 }] });
    if (item) await store.table.items.put({ ...item, g: Uint8Array.of(255) });
    expect(await store.broker.queryMessages("orders", query)).toMatchObject({ complete: false, items: [{ offset: 30 }] });
  });

  it("finds what is in a window, and behind a place", async () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const { store, messages } = await someRolled(seed);
      const { random } = store;
      for (let look = 0; look < 20; look++) {
        const name = random.pick(NAMES);
        const having = newestFirst(messages.filter((message) => hasName(message, name)).map(placeOf));
        const [one, other] = [random.pick(messages).storedAtMs, random.pick(messages).storedAtMs];
        const [fromMs, toMs] = [Math.min(one, other), Math.max(one, other)];
        const before = placeOf(random.pick(messages));
        const inWindow = having.filter(({ storedAtMs }) => storedAtMs >= fromMs && storedAtMs < toMs);
        expect(await found(store, name, { fromMs, toMs }), `seed ${seed}`).toEqual(inWindow);
        const behind = newestFirst([...having, before]).slice(1 + newestFirst([...having, before]).indexOf(before));
        const expected = behind.filter((place) => place.offset !== before.offset || place.queueId !== before.queueId);
        expect(await found(store, name, { before }), `seed ${seed}`).toEqual(expected);
      }
    }
  });

  it("reads keys once more that were garbled on the way, and says so where they stay so", async () => {
    const { store, messages } = await someRolled(2);
    await store.rollAndDrop();
    const name = { kind: "key", text: "hot" } as const;
    const having = newestFirst(messages.filter((message) => hasName(message, name)).map(placeOf));
    const { objects } = store.table;
    const getRange = objects.getRange.bind(objects);
    let sound = 0;
    objects.getRange = async (...call) => {
      const bytes = await getRange(...call);
      return sound++ === 0 ? bytes?.map((byte, at) => (at === 4 ? byte ^ 1 : byte)) : bytes;
    };
    expect(await found(store, name, {})).toEqual(having);
    expect(sound).toBeGreaterThan(1);
    objects.getRange = async (...call) => (await getRange(...call))?.map((byte, at) => (at === 4 ? byte ^ 1 : byte));
    const index = new KeyIndex({ ...store.stores, clock: store.table.clock, log: store.log() });
    expect(await index.search(store.topic, name, {}).step()).toMatchObject({ isDamaged: true });
  });

  it("finds nothing that has expired", async () => {
    const { store, messages } = await someRolled(3);
    const times = messages.map(({ storedAtMs }) => storedAtMs).sort((one, other) => one - other);
    const middleMs = times[Math.floor(times.length / 2)] as number;
    store.table.pass(middleMs + 72 * 60 * MINUTE_MS - store.table.clock.nowMs());
    for (const name of NAMES) {
      const live = messages.filter((message) => hasName(message, name) && message.storedAtMs >= middleMs);
      expect(await found(store, name, {})).toEqual(newestFirst(live.map(placeOf)));
    }
  });
});
