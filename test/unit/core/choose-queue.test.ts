import fc from "fast-check";
import { expect, it } from "vitest";
import { chooseQueue, jumpHash } from "../../../core/produce/choose-queue.ts";
import type { Topic } from "../../../core/terms.ts";

const topic = (type: Topic["type"], writeQueues: number): Topic => ({
  name: "t",
  uid: "u",
  type,
  writeQueues,
  readQueues: writeQueues,
  queuesEver: writeQueues,
  retentionHours: 72,
  flushMode: "ASYNC_FLUSH",
  perm: 6,
  createdAtMs: 0,
  updatedAtMs: 0,
  shrunkAtMs: 0,
  version: 1,
});

it("jumps as the published algorithm does", () => {
  expect(jumpHash(42, 57)).toBe(43);
  expect(jumpHash(0xdead10cc, 666)).toBe(361);
  expect(jumpHash(256, 1_024)).toBe(520);
});

it("moves a key only to the new queue when one is added", () => {
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 1, max: 255 }), (key, queues) => {
      const [before, after] = [jumpHash(key, queues), jumpHash(key, queues + 1)];
      return after === before || after === queues;
    }),
  );
});

it("keeps a message group on one queue, and sends the rest round", () => {
  const fifo = topic("FIFO", 8);
  expect(new Set([0, 1, 2, 3].map((turn) => chooseQueue(fifo, { messageGroup: "order-1" }, turn))).size).toBe(1);
  expect([0, 1, 2, 3, 4].map((turn) => chooseQueue(topic("NORMAL", 4), {}, turn))).toEqual([0, 1, 2, 3, 0]);
  expect(chooseQueue(topic("PRIORITY", 4), { priority: 3 }, 0)).toBe(3);
});
