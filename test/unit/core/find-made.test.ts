import { describe, expect, it } from "vitest";
import { SHARED_STORE } from "../../../core/broker-settings.ts";
import { blockKey } from "../../../core/keys.ts";
import { findMade } from "../../../core/log/find-made.ts";
import { queueOf } from "../../../core/log/queue.ts";
import { QueueLog } from "../../../core/log/queue-log.ts";
import { partsOfId } from "../../../core/message/message-id.ts";
import type { MessageRecord } from "../../../core/message/record-codec.ts";
import type { ItemStore } from "../../../core/ports/item-store.ts";
import { brokerOverTable } from "../../support/broker/broker-over-table.ts";
import { HOUR_MS, MINUTE_MS, RolledStore } from "./roller/rolled-store.ts";

const topic = { uid: "topicuid", retentionHours: 1, retentionRaises: [], flushMode: "ASYNC_FLUSH" } as const;
const queue = queueOf(topic, 0);
/** The same time, topic and queue, and none of the ids that there are. */
const neighbourOf = (id: string): string =>
  `${id.slice(0, 18)}${id.slice(18, 28) === "0000000000" ? "0000000001" : "0000000000"}0000`;

const record = (text: string, messageId?: string): MessageRecord => ({
  messageId,
  bornAtMs: 0,
  tag: undefined,
  keys: [],
  properties: new Map(),
  messageGroup: undefined,
  priority: undefined,
  body: Buffer.from(text),
});

function setUp() {
  const table = brokerOverTable(SHARED_STORE);
  const log = (items: ItemStore = table.items) => new QueueLog(table.dependencies(items), SHARED_STORE);
  const send = async (to: QueueLog, records: readonly MessageRecord[]): Promise<readonly string[]> => {
    const outcome = await to.append(topic, 0, records);
    if (outcome.status !== "stored") throw new Error("refused");
    return outcome.messageIds;
  };
  /** Single messages, some at the same millisecond. */
  const sendMany = async (to: QueueLog, count: number): Promise<readonly string[]> => {
    const ids: string[] = [];
    for (let at = 0; at < count; at++) {
      ids.push(...(await send(to, [record(`m${at}`)])));
      if (at % 3 === 0) table.pass(1);
    }
    return ids;
  };
  return { table, log, send, sendMany };
}

const textOf = (found: Awaited<ReturnType<typeof findMade>>) =>
  typeof found === "object" ? `${found.offset} ${found.messageId} ${Buffer.from(found.body).toString()}` : found;

describe("a message is found by the id that was made for it", () => {
  it.each([1, 2, 3])("in the chain, in segments, and where its block was dropped, seed %i", async (seed) => {
    const store = await RolledStore.open(seed, { queues: 2 });
    const check = async () => {
      let count = 0;
      for (const queueId of [0, 1]) {
        const log = store.log();
        for (const [offset, seen] of (await store.seen(queueId)).messages) {
          const [id = ""] = seen.split(" ");
          expect(partsOfId(id)?.queueId).toBe(queueId);
          const found = await findMade(log, store.queue(queueId), id);
          expect(found, `${queueId} ${offset}`).toMatchObject({ messageId: id, offset, queueId });
          expect(await findMade(log, store.queue(queueId), neighbourOf(id))).toBeUndefined();
          count++;
        }
      }
      return count;
    };
    await store.send(60);
    const sent = await check();
    store.ripen();
    await store.roll();
    expect(await check()).toBe(sent);
    await store.drop(await store.roll());
    store.table.pass(2 * MINUTE_MS);
    await store.rollAndDrop();
    expect(await store.rolledTo()).toBeGreaterThan(0);
    await store.send(20);
    expect(await check()).toBeGreaterThan(sent);
  });

  it("whichever it is of a call of 100, and none behind them", async () => {
    const { log, send } = setUp();
    const sender = log();
    const ids = await send(
      sender,
      Array.from({ length: 100 }, (_, at) => record(`m${at}`)),
    );
    for (const [at, id] of ids.entries()) expect(textOf(await findMade(log(), queue, id))).toBe(`${at} ${id} m${at}`);
    expect(await findMade(log(), queue, `${(ids[0] as string).slice(0, 28)}0064`)).toBeUndefined();
  });

  it("on a busy queue, at either end too, reading few others", async () => {
    const { table, log, sendMany } = setUp();
    const ids = await sendMany(log(), 1_200);
    for (const at of [0, 1, 599, 600, 601, 1_198, 1_199]) {
      const { store, read } = counting(table.items);
      const id = ids[at] as string;
      expect(textOf(await findMade(log(store), queue, id))).toBe(`${at} ${id} m${at}`);
      expect(read()).toBeLessThanOrEqual(60);
    }
  });

  it("also if others stored theirs while its own was under way", async () => {
    const { table, log, send, sendMany } = setUp();
    await sendMany(log(), 10);
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    let met = false;
    const waiting: ItemStore = {
      get: (key, options) => table.items.get(key, options),
      batchGet: (keys, options) => table.items.batchGet(keys, options),
      query: (query) => table.items.query(query),
      put: async (...call) => {
        if (!met) await gate;
        met = true;
        return table.items.put(...call);
      },
      update: (...call) => table.items.update(...call),
      delete: (...call) => table.items.delete(...call),
      transact: (writes) => table.items.transact(writes),
    };
    const late = send(log(waiting), [record("late")]);
    await new Promise((resolve) => setImmediate(resolve));
    table.pass(5_000);
    await sendMany(log(), 300);
    open();
    const [id = ""] = await late;
    expect(met).toBe(true);
    const found = await findMade(log(), queue, id);
    expect(found).toMatchObject({ messageId: id, offset: 310 });
    expect((found as { storedAtMs: number }).storedAtMs).toBeGreaterThan((partsOfId(id)?.madeAtMs ?? 0) + 5_000);
  });
});

describe("a message is not found", () => {
  it("under the id that its place would have, if it has one of its own", async () => {
    const { log, send } = setUp();
    const [made = ""] = await send(log(), [record("first"), record("second", "chosen"), record("third")]);
    const idOf = (ordinal: number) => made.slice(0, 28) + ordinal.toString().padStart(4, "0");
    expect(await findMade(log(), queue, idOf(1))).toBeUndefined();
    expect(await findMade(log(), queue, "chosen")).toBeUndefined();
    expect(textOf(await findMade(log(), queue, idOf(2)))).toBe(`2 ${idOf(2)} third`);
  });

  it("once it has expired, while younger ones are there", async () => {
    const { table, log, send } = setUp();
    const [old = ""] = await send(log(), [record("old")]);
    table.pass(HOUR_MS / 2);
    const [young = ""] = await send(log(), [record("young")]);
    table.pass(HOUR_MS / 2);
    expect(textOf(await findMade(log(), queue, old))).toBe(`0 ${old} old`);
    table.pass(1);
    expect(await findMade(log(), queue, old)).toBeUndefined();
    expect(textOf(await findMade(log(), queue, young))).toBe(`1 ${young} young`);
  });

  it("if its time is long before all others, or in the future, without reading them", async () => {
    const { table, log, sendMany } = setUp();
    const [id = ""] = await sendMany(log(), 1);
    table.pass(HOUR_MS);
    const rest = await sendMany(log(), 500);
    for (const absent of [neighbourOf(id), `7${(rest.at(-1) as string).slice(1)}`]) {
      const { store, read } = counting(table.items);
      expect(await findMade(log(store), queue, absent)).toBeUndefined();
      expect(read()).toBeLessThanOrEqual(60);
    }
  });

  it("where the search ends before all is read, and says so", async () => {
    const { log, sendMany } = setUp();
    const ids = await sendMany(log(), 600);
    const absent = neighbourOf(ids[0] as string);
    expect(await findMade(log(), queue, absent, { bytesMax: 2_000 })).toBe("unfinished");
    expect(await findMade(log(), queue, absent, { isOver: () => true })).toBe("unfinished");
    expect(await findMade(log(), queue, absent)).toBeUndefined();
    expect(textOf(await findMade(log(), queue, ids[0] as string, { bytesMax: 1, isOver: () => true }))).toBe(`0 ${ids[0]} m0`);
  });
});

describe("a message that cannot be read", () => {
  async function damaged(damage: (frame: Uint8Array) => void) {
    const { table, log, send } = setUp();
    const ids: string[] = [];
    for (const text of ["a", "b", "c"]) {
      ids.push(...(await send(log(), [record(text)])));
      table.pass(1);
    }
    const item = await table.items.get(blockKey(topic.uid, 0, 1));
    if (!item) throw new Error("no block at 1");
    const [frame] = item.f as readonly Uint8Array[];
    const bytes = (frame as Uint8Array).slice();
    damage(bytes);
    await table.items.put({ ...item, f: [bytes] });
    return { ids, find: (id: string) => findMade(log(), queue, id) };
  }

  it("is said to be unreadable, whether its id can be read or not", async () => {
    for (const at of [12, 28]) {
      const { ids, find } = await damaged((frame) => {
        frame[at] = (frame[at] as number) ^ 1;
      });
      expect(textOf(await find(ids[0] as string))).toBe(`0 ${ids[0]} a`);
      expect(await find(ids[1] as string), `byte ${at}`).toBe("unreadable");
      expect(textOf(await find(ids[2] as string))).toBe(`2 ${ids[2]} c`);
    }
  });
});

/** A store that counts what its reader's queries find. */
function counting(items: ItemStore) {
  let count = 0;
  const store: ItemStore = {
    get: (key, options) => items.get(key, options),
    batchGet: (keys, options) => items.batchGet(keys, options),
    query: async (query) => {
      const page = await items.query(query);
      count += page.items.length;
      return page;
    },
    put: (...call) => items.put(...call),
    update: (...call) => items.update(...call),
    delete: (...call) => items.delete(...call),
    transact: (writes) => items.transact(writes),
  };
  return { store, read: () => count };
}
