import { describe, expect, it } from "vitest";
import { SHARED_STORE, SOLE_PROCESS } from "../../../core/broker-settings.ts";
import type { RunningBroker } from "../../../core/create-broker.ts";
import type { ItemStore } from "../../../core/ports/item-store.ts";
import { StoreUnavailable } from "../../../core/ports/store-failures.ts";
import { brokerOverTable, receivedTexts } from "../../support/broker/broker-over-table.ts";

const QUEUES = 4;
const WAIT_MS = 20_000;

/** A store that counts queries, and can lose the reply of a write together with all that is asked after it. */
function watched(inner: ItemStore) {
  const state = { queries: 0, losesReply: false, down: false, beforeAnswer: async (): Promise<void> => undefined };
  const lost = (outcome: "unknown" | "not-applied") => new StoreUnavailable(outcome, "unavailable", "no reply");
  const read = <T>(apply: () => Promise<T>): Promise<T> => (state.down ? Promise.reject(lost("not-applied")) : apply());
  const write = async <T>(apply: () => Promise<T>): Promise<T> => {
    if (state.down) throw lost("not-applied");
    const result = await apply();
    if (!state.losesReply) return result;
    state.down = true;
    throw lost("unknown");
  };
  const store: ItemStore = {
    get: (key, options) => read(() => inner.get(key, options)),
    batchGet: (keys, options) => read(() => inner.batchGet(keys, options)),
    query: (query) => {
      state.queries++;
      return read(async () => {
        const page = await inner.query(query);
        if (query.from !== undefined && !query.reverse) await state.beforeAnswer();
        return page;
      });
    },
    put: (item, options) => write(() => inner.put(item, options)),
    update: (key, changes, options) => write(() => inner.update(key, changes, options)),
    delete: (key, options) => write(() => inner.delete(key, options)),
    transact: (writes) => write(() => inner.transact(writes)),
  };
  return { state, store };
}

async function setUp(settings = SOLE_PROCESS, queues = QUEUES) {
  const table = brokerOverTable(settings);
  const { state, store } = watched(table.items);
  const broker = await table.process(store);
  await broker.putTopic("orders", { queues });
  await broker.putGroup("billing", {});
  await broker.putSubscription("billing", "orders", { startFrom: "earliest" });
  const send = (text: string) => broker.sendMessages("orders", [{ body: Buffer.from(text) }]);
  /** A send that is stored, though nobody learns it. */
  const sendUnheard = async (text: string) => {
    state.losesReply = true;
    expect(await send(text)).toEqual([expect.objectContaining({ code: "REQUEST_TIMEOUT" })]);
    state.losesReply = false;
    state.down = false;
  };
  return { ...table, broker, state, send, sendUnheard };
}

const receive = (broker: RunningBroker, waitMs = 0) => broker.receiveMessages("billing", { max: 32, waitMs });

describe("a process alone on its store", () => {
  it("reads a queue without messages once", async () => {
    const { broker, state, send } = await setUp();
    expect(await receive(broker)).toEqual([]);
    const { queries } = state;
    for (let call = 0; call < 5; call++) expect(await receive(broker)).toEqual([]);
    expect(state.queries).toBe(queries);
    await send("a");
    expect(await receivedTexts(broker, "billing")).toEqual(["a"]);
  });

  it("reads no end again that it has reached, until it writes behind it", async () => {
    const { broker, state, send } = await setUp();
    for (const text of ["a", "b", "c"]) {
      await send(text);
      expect(await receivedTexts(broker, "billing")).toEqual([text]);
      const { queries } = state;
      expect(await receive(broker)).toEqual([]);
      expect(state.queries).toBe(queries);
    }
  });

  it("finds a message of which it was told that it may not be stored", async () => {
    const { broker, send, sendUnheard } = await setUp();
    await send("a");
    expect(await receivedTexts(broker, "billing")).toEqual(["a"]);
    expect(await receive(broker)).toEqual([]);
    await sendUnheard("b");
    expect(await receivedTexts(broker, "billing")).toEqual(["b"]);
  });

  it("finds a message that was stored while it read the end", async () => {
    const { broker, state, sendUnheard } = await setUp(SOLE_PROCESS, 1);
    state.beforeAnswer = async () => {
      state.beforeAnswer = async () => undefined;
      await sendUnheard("a");
    };
    expect(await receive(broker)).toEqual([]);
    expect(await receivedTexts(broker, "billing")).toEqual(["a"]);
  });

  it("starts a group at an offset behind which there is nothing, and others before it", async () => {
    const { broker, send } = await setUp();
    await send("a");
    await broker.putGroup("audit", {});
    await broker.putSubscription("audit", "orders", { startFrom: "latest" });
    expect(await broker.receiveMessages("audit", { max: 32, waitMs: 0 })).toEqual([]);
    expect(await receivedTexts(broker, "billing")).toEqual(["a"]);
    await send("b");
    expect(await receivedTexts(broker, "audit")).toEqual(["b"]);
    expect(await receivedTexts(broker, "billing")).toEqual(["b"]);
  });

  it("looks no more when a wait ends in which nothing rang", async () => {
    const { broker, clock, items } = await setUp();
    let reads = 0;
    const { batchGet } = items;
    items.batchGet = (...args) => {
      reads++;
      return batchGet.apply(items, args);
    };
    expect(await receive(broker)).toEqual([]);
    const once = reads;
    const startedAtMs = clock.nowMs();
    expect(await receive(broker, WAIT_MS)).toEqual([]);
    expect(clock.nowMs() - startedAtMs).toBe(WAIT_MS);
    expect(reads).toBe(2 * once);
  });

  it("looks when a lease ends with the wait", async () => {
    const { broker, send } = await setUp();
    await send("a");
    await broker.receiveMessages("billing", { max: 1, waitMs: 0, leaseMs: WAIT_MS });
    const [again] = await receive(broker, WAIT_MS);
    expect(again).toMatchObject({ attempt: 2 });
  });
});

describe("one of several processes", () => {
  it("finds what others sent, though it has reached the end", async () => {
    const { broker, process } = await setUp(SHARED_STORE);
    expect(await receive(broker)).toEqual([]);
    const other = await process();
    await other.sendMessages("orders", [{ body: Buffer.from("a") }]);
    expect(await receivedTexts(broker, "billing")).toEqual(["a"]);
    await other.sendMessages("orders", [{ body: Buffer.from("b") }]);
    const [late] = await receive(broker, WAIT_MS);
    expect(Buffer.from(late?.body ?? "").toString()).toBe("b");
  });

  it("looks when its wait ends, since what others send rings nobody here", async () => {
    const { broker, process, clock } = await setUp(SHARED_STORE);
    const other = await process();
    const startedAtMs = clock.nowMs();
    const waiting = receive(broker, 500);
    await clock.sleep(400);
    await other.sendMessages("orders", [{ body: Buffer.from("a") }]);
    expect(await waiting).toHaveLength(1);
    expect(clock.nowMs() - startedAtMs).toBeLessThan(1_000);
  });
});
