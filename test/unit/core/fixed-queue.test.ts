import fc from "fast-check";
import { expect, it } from "vitest";
import { fixedQueue, jumpHash } from "../../../core/produce/fixed-queue.ts";
import type { Topic } from "../../../core/terms.ts";

const topic = (type: Topic["type"], writeQueues: number): Topic => ({
  name: "t",
  uid: "u",
  type,
  writeQueues,
  readQueues: writeQueues,
  queuesEver: writeQueues,
  retentionRaises: [],
  retentionHours: 72,
  flushMode: "ASYNC_FLUSH",
  perm: 6,
  rooms: [],
  createdAtMs: 0,
  updatedAtMs: 0,
  shrunkAtMs: 0,
  heldUntilMs: 0,
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

it("keeps a message group on one queue, a priority on its own, and lets the rest go anywhere", () => {
  const fifo = topic("FIFO", 8);
  expect(fixedQueue(fifo, { messageGroup: "order-1" })).toBe(fixedQueue(fifo, { messageGroup: "order-1" }));
  expect(fixedQueue(topic("PRIORITY", 4), { priority: 3 })).toBe(3);
  expect(fixedQueue(topic("PRIORITY", 4), { priority: 4 })).toBe(3);
  expect(fixedQueue(topic("PRIORITY", 4), {})).toBe(0);
  expect(fixedQueue(topic("MIXED", 4), { priority: 2 })).toBe(2);
  expect(fixedQueue(topic("NORMAL", 4), {})).toBeUndefined();
});
