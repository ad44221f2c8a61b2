import { describe, expect, it } from "vitest";
import { MemoryItemStore } from "../../../adapters/memory/memory-item-store.ts";
import { SHARED_STORE } from "../../../core/broker-settings.ts";
import { FORMAT_KEY, queuePk } from "../../../core/keys.ts";
import { QueueLog } from "../../../core/log/queue-log.ts";
import { makeFrameId, messageIdOf, partsOfId, toHex, topicHashOf } from "../../../core/message/message-id.ts";
import { IDS_PER_CALL_MAX, UnplacedIds } from "../../../core/message/unplaced-ids.ts";
import type { TransactWrite } from "../../../core/ports/item-store.ts";
import { StoreUnavailable } from "../../../core/ports/store-failures.ts";
import { brokerOverTable } from "../../support/broker/broker-over-table.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

const NOW_MS = 1_800_000_000_000;
const bytes = (...values: number[]): Uint8Array => Uint8Array.from({ length: 8 }, (_, at) => values[at] ?? values.at(-1) ?? 0);

describe("an id", () => {
  it("has the bytes it always had, in both layouts", () => {
    const random = bytes(1, 2, 3, 4, 5, 6, 7, 8);
    expect(toHex(makeFrameId(NOW_MS, random))).toBe("01A3185C50000102030405060708");
    expect(toHex(makeFrameId(NOW_MS, random, { topicUid: "topicuid", queueId: 7 }))).toBe("01A3185C50004DF1070405060708");
    expect(topicHashOf("topicuid")).toBe(0x4df1);
  });

  it("says when it was made, and for which queue of which topic", () => {
    const idOf = (queueId: number) => messageIdOf(toHex(makeFrameId(NOW_MS, bytes(9), { topicUid: "topicuid", queueId })), 99);
    for (const queueId of [0, 1, 254])
      expect(partsOfId(idOf(queueId))).toEqual({ madeAtMs: NOW_MS, topicHash: topicHashOf("topicuid"), queueId });
    expect(partsOfId(idOf(255))).toEqual({ madeAtMs: NOW_MS, topicHash: topicHashOf("topicuid"), queueId: undefined });
  });

  it.each([
    "",
    "order-7",
    "01A3185C5000098ACCD57A148B20000",
    "01a3185c5000098accd57a148b200000",
    "01A3185C5000098ACCD57A148B2000000",
  ])("is not '%s'", (text) => {
    expect(partsOfId(text)).toBeUndefined();
  });
});

describe("ids of messages without a queue", () => {
  const drawing = (...draws: Uint8Array[]) => {
    const ids = new UnplacedIds();
    return (nowMs: number, topicUid: string | undefined, count = 1) =>
      ids.next(nowMs, draws.shift() ?? bytes(0), count, topicUid);
  };

  it("name their time and their topic", () => {
    const [id = ""] = drawing(bytes(255, 1))(NOW_MS, "topicuid");
    expect(partsOfId(id)).toEqual({ madeAtMs: NOW_MS, topicHash: topicHashOf("topicuid"), queueId: undefined });
  });

  it("ascend within a call and from call to call in each topic, wherever the clock goes and whatever is drawn", () => {
    const random = new SeededRandom(7);
    const ids = new UnplacedIds();
    const last = new Map<string, string>();
    const falling: string[] = [];
    let nowMs = NOW_MS;
    for (let call = 0; call < 1_000; call++) {
      nowMs += random.pick([0, 0, 0, 1, -3]);
      const topicUid = random.pick(["a", "b", "c"]);
      // Very high and very low draws, so that turns end and collide.
      const draw = random.chance(0.3) ? bytes(255, 255, 255, 255, 255, 255, random.pick([255, 0])) : random.bytes(8);
      for (const id of ids.next(nowMs, draw, random.integer(1, 100), topicUid)) {
        if (id <= (last.get(topicUid) ?? "")) falling.push(id);
        last.set(topicUid, id);
      }
    }
    expect(falling).toEqual([]);
    expect(last.size).toBe(3);
  });

  it("go on in the next millisecond when a millisecond has no more", () => {
    const next = drawing(bytes(255), bytes(3), bytes(9), bytes(255), bytes(5));
    const [last] = next(NOW_MS, "a");
    const [behind] = next(NOW_MS, "a");
    const [after] = next(NOW_MS, "b");
    expect([last, behind, after].map((id) => partsOfId(id as string)?.madeAtMs)).toEqual([NOW_MS, NOW_MS + 1, NOW_MS + 1]);
    expect([last, behind].map((id) => (id as string).slice(18, 28))).toEqual(["FFFFFFFFFF", "0303030303"]);
    const [top] = next(NOW_MS + 1, "a");
    expect(partsOfId(top as string)?.madeAtMs).toBe(NOW_MS + 1);
    expect(partsOfId(next(NOW_MS + 1, "a")[0] as string)?.madeAtMs).toBe(NOW_MS + 2);
  });

  it("differ by 49 random bits, and count the messages of a call in the others", () => {
    const first = (draw: Uint8Array) => drawing(draw)(NOW_MS, "a")[0] as string;
    const base = first(bytes(0));
    for (let bit = 0; bit < 49; bit++) {
      const draw = new Uint8Array(8);
      draw[bit >>> 3] = 128 >>> (bit & 7);
      expect(first(draw)).not.toBe(base);
    }
    const ids = drawing(bytes(255))(NOW_MS, "a", IDS_PER_CALL_MAX);
    expect(new Set(ids.map((id) => id.slice(0, 28))).size).toBe(1);
    expect(ids.map((id) => Number.parseInt(id.slice(28), 16) % 128)).toEqual(Array.from(ids, (_, at) => at));
    expect(() => drawing()(NOW_MS, "a", IDS_PER_CALL_MAX + 1)).toThrow(RangeError);
  });

  it("are 64 random bits as before on stores of an older format, and ascend too", () => {
    const next = drawing(bytes(9, 8, 7, 6, 5, 4, 3, 2), bytes(0, 0, 0, 0, 0, 0, 3, 2), bytes(255));
    expect(next(NOW_MS, undefined, 2)).toEqual(["01A3185C500009080706050403020000", "01A3185C500009080706050403020001"]);
    expect(next(NOW_MS, undefined)).toEqual(["01A3185C500009080706050483020000"]);
    expect(next(NOW_MS, undefined)).toEqual(["01A3185C5000FFFFFFFFFFFFFFFF0000"]);
  });
});

describe("the id of a sent message", () => {
  it("names the queue that took it, after another did not", async () => {
    let failingPk: string | undefined;
    const failFirstQueue = (writes: readonly TransactWrite[]): void => {
      const pk = writes.map((write) => ("item" in write ? write.item : write.key).pk).find((one) => one.startsWith("q#"));
      failingPk ??= pk;
      if (pk !== undefined && pk === failingPk) throw new StoreUnavailable("not-applied", "unavailable", "planted");
    };
    class FailingQueue extends MemoryItemStore {
      override async put(...call: Parameters<MemoryItemStore["put"]>) {
        failFirstQueue([{ kind: "put", item: call[0] }]);
        return super.put(...call);
      }
      override async transact(...call: Parameters<MemoryItemStore["transact"]>) {
        failFirstQueue(call[0]);
        return super.transact(...call);
      }
    }
    const broker = await brokerOverTable().process(new FailingQueue());
    const { topic } = await broker.putTopic("orders", { queues: 4 });
    const [receipt] = await broker.sendMessages("orders", [{ body: Buffer.from("a") }]);
    const { messageId, queueId } = receipt as { messageId: string; queueId: number };
    expect(failingPk).toMatch(/^q#/);
    expect(failingPk).not.toBe(queuePk(topic.uid, queueId));
    expect(partsOfId(messageId)).toMatchObject({ queueId, topicHash: topicHashOf(topic.uid) });
  });

  it.each([10, 20_000])(
    "is not later than its store time, whatever the clock does between two looks, with %i bytes",
    async (size) => {
      for (const step of [1, -1]) {
        const table = brokerOverTable();
        let nowMs = NOW_MS;
        const clock = { nowMs: () => (nowMs += step), sleep: async () => undefined };
        const log = new QueueLog({ ...table.dependencies(), clock }, SHARED_STORE);
        const topic = { uid: "topicuid", retentionHours: 1, retentionRaises: [], flushMode: "ASYNC_FLUSH" } as const;
        const record = { messageId: undefined, bornAtMs: 0, tag: undefined, keys: [], properties: new Map<string, string>() };
        const body = new SeededRandom(size).bytes(size);
        await log.append(topic, 0, [{ ...record, messageGroup: undefined, priority: undefined, body }]);
        const queue = { topicUid: "topicuid", queueId: 0, retention: topic };
        const run = await log.reader.run(queue, 0, 1);
        const { messages } = await log.messages(run, 0, 1, queue);
        expect(messages).toHaveLength(1);
        for (const { messageId, storedAtMs } of messages) expect(partsOfId(messageId)?.madeAtMs).toBeLessThanOrEqual(storedAtMs);
      }
    },
  );

  it("has the layout of before on a store of an older format", async () => {
    const table = brokerOverTable(SHARED_STORE);
    await table.items.put({ ...FORMAT_KEY, v: 3 });
    const broker = await table.process();
    const { topic } = await broker.putTopic("orders", { queues: 1 });
    const sent = await broker.sendMessages("orders", [
      { body: Buffer.from("a") },
      { body: Buffer.from("a"), deliverAtMs: table.clock.nowMs() + 60_000 },
    ]);
    for (const receipt of sent) {
      const { messageId } = receipt as { messageId: string };
      expect(partsOfId(messageId)).not.toMatchObject({ topicHash: topicHashOf(topic.uid) });
    }
  });
});
