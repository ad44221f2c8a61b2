import { describe, expect, it } from "vitest";
import { MemoryItemStore } from "../../../adapters/memory/memory-item-store.ts";
import { MemoryObjectStore } from "../../../adapters/memory/memory-object-store.ts";
import { anchorKey, blockKey, queuePk } from "../../../core/keys.ts";
import { FrameObjects } from "../../../core/log/frame-objects.ts";
import { CAP_STEP, OBJECT_PAGE_BYTES, PENDING_OBJECT_BYTES_MAX } from "../../../core/log/log-limits.ts";
import { queueOf } from "../../../core/log/queue.ts";
import { QueueLog } from "../../../core/log/queue-log.ts";
import { StoreFormat } from "../../../core/store/store-format.ts";
import { deflateCompressor as compressor } from "../../../functions/runtime/compressor.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

const HOUR_MS = 3_600_000;
const topic = { uid: "topicuid", retentionHours: 1, retentionRaises: [], flushMode: "ASYNC_FLUSH" } as const;
const queue = queueOf(topic, 0);

/** A log over stores and a clock that several handlers can share. */
function setUp() {
  const items = new MemoryItemStore();
  const objects = new CountedObjectStore();
  let nowMs = 1_800_000_000_000;
  const clock = { nowMs: () => nowMs, sleep: async () => undefined };
  const handler = (seed = 1): QueueLog =>
    new QueueLog(
      { items, objects, clock, random: new SeededRandom(seed), compressor },
      {
        inlineFrameBytesMax: 10_240,
        transactedInlineBytesMax: 10_240,
        detachedInlineBytesMax: 10_240,
        packFromBytes: Number.POSITIVE_INFINITY,
      },
    );
  return {
    items,
    objects,
    handler,
    pass: (ms: number) => {
      nowMs += ms;
    },
  };
}

/** Counts calls of the object store. */
class CountedObjectStore extends MemoryObjectStore {
  puts = 0;
  reads = 0;

  override put(...call: Parameters<MemoryObjectStore["put"]>): ReturnType<MemoryObjectStore["put"]> {
    this.puts++;
    return super.put(...call);
  }

  override getRange(...call: Parameters<MemoryObjectStore["getRange"]>): ReturnType<MemoryObjectStore["getRange"]> {
    this.reads++;
    return super.getRange(...call);
  }
}

const record = (text: string) => ({
  messageId: undefined,
  bornAtMs: 0,
  tag: undefined,
  keys: [],
  properties: new Map<string, string>(),
  messageGroup: undefined,
  priority: undefined,
  body: Buffer.from(text),
});

async function append(log: QueueLog, ...texts: string[]): Promise<number> {
  const outcome = await log.append(topic, 0, texts.map(record));
  if (outcome.status !== "stored") throw new Error("refused");
  return outcome.offset;
}

async function read(log: QueueLog, from: number, count = 100) {
  const run = await log.reader.run(queue, from, count);
  const { messages } = await log.messages(run, run.from, Math.min(count, run.available), queue);
  return messages.map(({ offset, body, storedAtMs }) => ({ offset, text: Buffer.from(body).toString(), storedAtMs }));
}

describe("the log of a queue", () => {
  it("gives dense offsets from 0, to one handler and to many", async () => {
    const { handler } = setUp();
    const [a, b] = [handler(1), handler(2)];
    expect(await append(a, "0", "1")).toBe(0);
    expect(await append(b, "2")).toBe(2);
    const offsets = await Promise.all(Array.from({ length: 50 }, (_, index) => append(index % 2 ? a : b, "x", "y")));
    expect([...offsets].sort((x, y) => x - y)).toEqual(Array.from({ length: 50 }, (_, index) => 3 + 2 * index));
    expect((await read(handler(3), 0, 200)).map(({ offset }) => offset)).toEqual(
      Array.from({ length: 103 }, (_, index) => index),
    );
  });

  it("keeps store times from falling when the clock steps back", async () => {
    const { handler, pass } = setUp();
    const log = handler();
    for (const step of [0, 500, -10_000, 100, -5_000, 20_000]) {
      pass(step);
      await append(log, "m");
    }
    const times = (await read(handler(2), 0)).map(({ storedAtMs }) => storedAtMs);
    expect(times).toEqual([...times].sort((x, y) => x - y));
    expect(await log.reader.offsetAt(queue, { timestampMs: times[5] as number })).toBe(5);
    expect(await log.reader.offsetAt(queue, { timestampMs: (times[0] as number) + 1 })).toBe(1);
    expect(await log.reader.offsetAt(queue, { timestampMs: (times[5] as number) + 1 })).toBe(6);
  });

  it("keeps large batches in objects, and reads any part of them", async () => {
    const { handler, objects } = setUp();
    const log = handler();
    const texts = Array.from({ length: 30 }, (_, index) => `${index}:${"z".repeat(1_000)}`);
    await append(log, "small");
    expect(await append(log, ...texts)).toBe(1);
    expect(objects.keys("log/r4/")).toHaveLength(1);
    expect((await read(handler(2), 25, 3)).map(({ text }) => text)).toEqual(texts.slice(24, 27));
  });

  it("writes to an object first where the topic says SYNC_FLUSH", async () => {
    const { handler, objects } = setUp();
    await handler().append({ ...topic, flushMode: "SYNC_FLUSH" }, 0, [record("tiny")]);
    expect(objects.keys("log/")).toHaveLength(1);
    expect((await read(handler(2), 0)).map(({ text }) => text)).toEqual(["tiny"]);
  });

  it("starts an expired queue at the cap, whether its blocks are deleted or not", async () => {
    for (const deleted of [true, false]) {
      const { handler, items, pass } = setUp();
      expect(await append(handler(1), "old")).toBe(0);
      pass(40 * HOUR_MS);
      if (deleted)
        for (const item of (await items.query({ pk: queuePk("topicuid", 0), limit: 10 })).items) await items.delete(item);
      const log = handler(2);
      expect(await log.reader.minOffset(queue)).toBe(CAP_STEP);
      expect(await append(log, "new")).toBe(CAP_STEP);
      expect(await append(handler(3), "newer")).toBe(CAP_STEP + 1);
      expect((await items.get(anchorKey("topicuid", 0)))?.cap).toBe(2 * CAP_STEP);
      const run = await log.reader.run(queue, 0, 10);
      expect(run).toMatchObject({ from: CAP_STEP, available: 2 });
    }
  });

  it("goes on behind a block that is about to expire", async () => {
    const { handler, pass } = setUp();
    expect(await append(handler(1), "a")).toBe(0);
    pass(24.5 * HOUR_MS);
    expect(await append(handler(2), "b")).toBe(1);
    expect((await read(handler(3), 0)).map(({ text }) => text)).toEqual(["b"]);
  });

  it("starts a chain again that expires within minutes: for another it may have", async () => {
    const { handler, pass } = setUp();
    expect(await append(handler(1), "a")).toBe(0);
    pass(24.7 * HOUR_MS);
    expect(await append(handler(2), "b")).toBe(CAP_STEP);
    expect((await read(handler(3), 0)).map(({ text }) => text)).toEqual(["b"]);
  });

  it("raises the cap before it is reached", async () => {
    const { handler, items } = setUp();
    const log = handler();
    await append(log, "a");
    await items.update(anchorKey("topicuid", 0), [{ op: "set", name: "cap", value: 2 }]);
    const other = handler(2);
    expect(await append(other, "b")).toBe(1);
    expect(await append(other, "c", "d")).toBe(2);
    expect((await items.get(anchorKey("topicuid", 0)))?.cap).toBe(2 + CAP_STEP);
  });

  it("never gives an offset past the cap, however many fill a block at once: none comes again after total expiry", async () => {
    const { handler, items, pass } = setUp();
    await append(handler(), "a");
    // Room for more in the block, and for one more offset below the cap.
    await items.update(blockKey("topicuid", 0, 0), [{ op: "set", name: "lim", value: 10_000 }]);
    await items.update(anchorKey("topicuid", 0), [{ op: "set", name: "cap", value: 2 }]);
    const offsets = await Promise.all([append(handler(2), "b"), append(handler(3), "c")]);
    expect(offsets.sort()).toEqual([1, 2]);
    pass(40 * HOUR_MS);
    expect(await append(handler(4), "new")).toBeGreaterThan(2);
  });

  it("finds times and the first live offset in a few queries, however long the queue", async () => {
    const items = new MemoryItemStore({
      consumed: ({ operation }) => {
        if (operation === "query") queries++;
      },
    });
    let queries = 0;
    let nowMs = 1_800_000_000_000;
    const clock = { nowMs: () => nowMs, sleep: async () => undefined };
    const objects = new CountedObjectStore();
    const log = new QueueLog(
      { items, objects, clock, random: new SeededRandom(1), compressor },
      { inlineFrameBytesMax: 10_240, transactedInlineBytesMax: 10_240, detachedInlineBytesMax: 10_240, packFromBytes: 1e9 },
    );
    for (let index = 0; index < 2_000; index++) {
      await append(log, "m");
      nowMs += 60_000;
    }
    queries = 0;
    const minOffset = await log.reader.minOffset(queue);
    // Stored an hour ago, to the millisecond.
    expect(minOffset).toBe(2_000 - 60);
    expect(await log.reader.offsetAt(queue, { timestampMs: nowMs - 60_000 * 30 })).toBe(1_970);
    expect(queries).toBeLessThan(40);
  });
});

describe("large frames", () => {
  const LARGE = 12_000;
  const queueIds = [0, 1, 2, 3];
  const send = (log: QueueLog) =>
    Promise.all(queueIds.map((queueId) => log.append(topic, queueId, [record(`${queueId}`.padEnd(LARGE, "."))])));
  const readQueue = async (log: QueueLog, queueId: number): Promise<string | undefined> => {
    const run = await log.reader.run({ ...queue, queueId }, 0, 1);
    const [message] = (await log.messages(run, 0, 1, { ...queue, queueId })).messages;
    return message && Buffer.from(message.body).toString();
  };

  it("of one send share an object, which is read once for all of its queues", async () => {
    const { handler, objects } = setUp();
    await send(handler());
    expect(objects.puts).toBe(1);
    const reader = handler(2);
    for (const queueId of queueIds) expect(await readQueue(reader, queueId)).toBe(`${queueId}`.padEnd(LARGE, "."));
    expect(objects.reads).toBe(1);
  });

  it("are refused while too many wait, and however many came before are not", async () => {
    const { objects } = setUp();
    const clock = { nowMs: () => 1_800_000_000_000, sleep: async () => undefined };
    const frames = new FrameObjects({ objects, clock, random: new SeededRandom(1), compressor, format: new StoreFormat(2) });
    const frame = new Uint8Array(8 * 2 ** 20);
    const waitingMax = PENDING_OBJECT_BYTES_MAX / frame.length;
    objects.put = async () => undefined;
    for (let count = 0; count < 2 * waitingMax; count++) await frames.put(frame, 1);
    objects.put = () => new Promise(() => undefined);
    const waiting = Array.from({ length: 2 * waitingMax }, () => frames.put(frame, 1));
    await expect(Promise.race(waiting)).rejects.toMatchObject({ code: "TOO_MANY_REQUESTS" });
  });

  it("are read again after a reply that was garbled", async () => {
    const { handler, objects } = setUp();
    await send(handler());
    const reader = handler(2);
    const sound = objects.getRange.bind(objects);
    const garbling = async (...call: Parameters<typeof sound>) =>
      (await sound(...call))?.map((byte, at) => (at === LARGE / 2 ? byte ^ 1 : byte));
    objects.getRange = (...call) => {
      objects.getRange = sound;
      return garbling(...call);
    };
    expect(await readQueue(reader, 0)).toBe("0".padEnd(LARGE, "."));
    objects.getRange = garbling;
    const other = handler(3);
    const run = await other.reader.run({ ...queue, queueId: 0 }, 0, 1);
    const read = await other.messages(run, 0, 1, { ...queue, queueId: 0 });
    expect(read).toEqual({ messages: [], unreadable: [{ offset: 0, reason: expect.stringContaining("checksum") }] });
  });

  it("are found where they lie across two pages of an object, or fill several", async () => {
    const { handler } = setUp();
    const log = handler();
    const sizes = [OBJECT_PAGE_BYTES - 5_000, 30_000, 3 * OBJECT_PAGE_BYTES, 20_000];
    await Promise.all(sizes.map((size, queueId) => log.append(topic, queueId, [record(`${queueId}`.padEnd(size, "."))])));
    const reader = handler(2);
    for (const [queueId, size] of sizes.entries()) expect(await readQueue(reader, queueId)).toBe(`${queueId}`.padEnd(size, "."));
  });
});
