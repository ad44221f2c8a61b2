import { expect, it } from "vitest";
import { SHARED_STORE } from "../../../core/broker-settings.ts";
import { timersPk } from "../../../core/keys.ts";
import { TIMER_SHARDS } from "../../../core/timer/timer-limits.ts";
import { brokerOverTable } from "../../support/broker/broker-over-table.ts";

const TOPICS = 60;
const EACH = 100;

it("ends a run in time, whatever waits for write units, and reports all that it fired", async () => {
  const table = brokerOverTable(SHARED_STORE);
  const broker = await table.process();
  const body = Buffer.alloc(500, "x");
  for (let topic = 0; topic < TOPICS; topic++) {
    await broker.putTopic(`orders-${topic}`, { type: "DELAY" });
    await broker.sendMessages(
      `orders-${topic}`,
      Array.from({ length: EACH }, () => ({ body, delayMs: 1_000 })),
    );
  }
  table.pass(1_000);
  const scanner = await table.process();
  const untilMs = table.clock.nowMs() + 1_000;
  const { fired } = await scanner.scan({ untilMs });
  expect(table.clock.nowMs() - untilMs).toBeLessThan(500);
  let left = 0;
  for (let shard = 0; shard < TIMER_SHARDS; shard++)
    left += (await table.items.query({ pk: timersPk(shard), limit: TOPICS * EACH })).items.length;
  expect(left).toBeGreaterThan(0);
  expect(fired).toBe(TOPICS * EACH - left);
});
