import { describe, expect, it } from "vitest";
import { SHARED_STORE } from "../../../core/broker-settings.ts";
import type { RunningBroker } from "../../../core/create-broker.ts";
import type { ItemStore } from "../../../core/ports/item-store.ts";
import { brokerOverTable } from "../../support/broker/broker-over-table.ts";
import { SeededRandom } from "../../support/seeded-random.ts";
import { around } from "./roller/failing-stores.ts";

const SEEDS = 40;
const PULLS = 30;

/** A queue to which others send before any query of a reader. */
async function busyQueue(random: SeededRandom) {
  const table = brokerOverTable(SHARED_STORE);
  const sender = await table.process();
  await sender.putTopic("orders", { queues: 1 });
  let sent = 0;
  const send = async (count: number): Promise<void> => {
    const messages = Array.from({ length: count }, () => ({ body: random.bytes(random.pick([10, 400, 1_000])), tag: "any" }));
    await sender.sendMessages("orders", messages);
    sent += count;
  };
  let isBusy = true;
  let queries = 0;
  const { items } = around(table, (apply) => apply());
  const busy: ItemStore = {
    ...items,
    query: async (...call) => {
      queries++;
      if (isBusy && random.chance(0.3)) await send(random.pick([1, 1, 5, 40]));
      return items.query(...call);
    },
  };
  return {
    table,
    send,
    sent: () => sent,
    queries: () => queries,
    reader: (): Promise<RunningBroker> => table.process(busy),
    quiet: () => {
      isBusy = false;
    },
  };
}

describe("where a queue begins and ends, as a pull says", () => {
  it("is true at a moment of the pull, or of the second before it for a reader far behind", async () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const random = new SeededRandom(seed);
      const queue = await busyQueue(random);
      await queue.send(random.pick([1, 20, 100]));
      let reader = await queue.reader();
      let offset = 0;
      for (let pull = 0; pull < PULLS; pull++) {
        if (random.chance(0.3)) reader = await queue.reader();
        if (random.chance(0.2)) queue.table.pass(2_000);
        const known = queue.sent();
        const tag = random.pick([undefined, "any", "none"]);
        const filter = tag === undefined ? undefined : ({ type: "TAG", expression: tag } as const);
        const request = { from: { offset }, limit: random.pick([1, 8, 32]), maxBytes: 1_000_000, waitMs: 0, filter };
        const found = await reader.pullMessages("orders", 0, request);
        if (found.status === "OFFSET_ILLEGAL") throw new Error(`seed ${seed}: ${offset} is illegal`);
        const { messages, nextOffset, minOffset, maxOffset } = found;
        expect(messages.map((one) => one.offset)).toEqual(messages.map((_, at) => offset + at));
        expect([minOffset, tag === "none" || nextOffset === offset + messages.length], `seed ${seed}`).toEqual([0, true]);
        expect(maxOffset, `seed ${seed}`).toBeGreaterThanOrEqual(nextOffset);
        expect(maxOffset, `seed ${seed}`).toBeLessThanOrEqual(queue.sent());
        if (maxOffset - nextOffset < 128) expect(maxOffset, `seed ${seed}`).toBeGreaterThanOrEqual(known);
        offset = nextOffset;
      }
    }
  });

  it("is asked for once by a new process, and costs a reader of the end nothing more", async () => {
    const queue = await busyQueue(new SeededRandom(1));
    await queue.send(5);
    queue.quiet();
    for (const [offset, status] of [
      [0, "FOUND"],
      [5, "NO_NEW_MSG"],
      [6, "OFFSET_ILLEGAL"],
    ] as const) {
      const reader = await queue.reader();
      const request = { from: { offset }, limit: 32, maxBytes: 1_000_000, waitMs: 0 };
      const before = queue.queries();
      expect(await reader.pullMessages("orders", 0, request)).toMatchObject({ status, minOffset: 0, maxOffset: 5 });
      expect(queue.queries() - before).toBeLessThanOrEqual(4);
      if (status !== "FOUND") continue;
      const again = queue.queries();
      expect(await reader.pullMessages("orders", 0, { ...request, from: { offset: 3 } })).toMatchObject({ maxOffset: 5 });
      expect(queue.queries() - again).toBeLessThanOrEqual(2);
    }
  });
});
