import { expect, it } from "vitest";
import { SHARED_STORE } from "../../../core/broker-settings.ts";
import { framesObjectExpiresMs } from "../../../core/keys.ts";
import type { ScheduledReceipt } from "../../../core/terms.ts";
import { DELAY_MS_MAX } from "../../../core/timer/timer-limits.ts";
import { brokerOverTable } from "../../support/broker/broker-over-table.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const BODY = new SeededRandom(1).bytes(12_000);

async function world() {
  const table = brokerOverTable(SHARED_STORE);
  const broker = await table.process();
  await broker.putTopic("orders", { type: "DELAY", queues: 1 });
  await broker.putGroup("readers", {});
  await broker.putSubscription("readers", "orders", { startFrom: "earliest" });
  return {
    table,
    broker,
    async schedule(delayMs: number): Promise<ScheduledReceipt> {
      const [receipt] = await broker.sendMessages("orders", [{ body: BODY, delayMs }]);
      if (!receipt || !("recallHandle" in receipt)) throw receipt ?? new Error("no receipt");
      return receipt;
    },
    /** Nobody scans for so long, and the bucket's rules do their work. */
    async away(ms: number): Promise<void> {
      table.pass(ms);
      for (const name of table.objects.keys("log/"))
        if (framesObjectExpiresMs(name) <= table.clock.nowMs()) table.objects.lose(name);
    },
    async delivered(): Promise<Buffer> {
      expect(await broker.scan({ untilMs: table.clock.nowMs() + 10_000 })).toMatchObject({ fired: 1, parked: 0 });
      const [received] = await broker.receiveMessages("readers", { max: 1, waitMs: 0 });
      return Buffer.from(received?.body ?? []);
    },
  };
}

it.each([6, 28])("a large delayed message is delivered when the scanner was away for %d days", async (days) => {
  const { schedule, away, delivered } = await world();
  await schedule(HOUR_MS);
  await away(HOUR_MS + days * DAY_MS);
  expect((await delivered()).equals(BODY)).toBe(true);
});

it("one that was moved is, too", async () => {
  const { table, broker, schedule, away, delivered } = await world();
  const { recallHandle } = await schedule(HOUR_MS);
  await broker.rescheduleMessage("orders", recallHandle, table.clock.nowMs() + 10 * DAY_MS);
  await away(10 * DAY_MS + 28 * DAY_MS);
  expect((await delivered()).equals(BODY)).toBe(true);
});

it("one with the longest delay there is has an object that is kept as long past it", async () => {
  const { table, schedule } = await world();
  const { deliverAtMs } = await schedule(DELAY_MS_MAX);
  const [name = ""] = table.objects.keys("log/");
  expect(framesObjectExpiresMs(name)).toBeGreaterThanOrEqual(deliverAtMs + 30 * DAY_MS);
});
