import { expect, it } from "vitest";
import { SHARED_STORE } from "../../../core/broker-settings.ts";
import { brokerOverTable } from "../../support/broker/broker-over-table.ts";

const RUN_MS = 65_000;

it("fires what is due of many topics by one look at all shards", async () => {
  const table = brokerOverTable(SHARED_STORE);
  const broker = await table.process();
  const names = Array.from({ length: 12 }, (_, at) => `orders-${at}`);
  for (const name of names) {
    await broker.putTopic(name, { type: "DELAY" });
    await broker.sendMessages(name, [{ body: Buffer.from(name), delayMs: 1_000 }]);
  }
  table.pass(1_000);
  const scanner = await table.process();
  const report = await scanner.scan({ untilMs: table.clock.nowMs() + RUN_MS });
  expect(report).toEqual({ fired: names.length, parked: 0, held: false });
});

it("goes on where a topic was made anew since it was read", async () => {
  const table = brokerOverTable(SHARED_STORE);
  const broker = await table.process();
  const scanner = await table.process();
  const send = () => broker.sendMessages("orders", [{ body: Buffer.from("later"), delayMs: 1_000 }]);
  await broker.putTopic("orders", { type: "DELAY" });
  await send();
  table.pass(1_000);
  await scanner.scan({ untilMs: table.clock.nowMs() + RUN_MS });
  await broker.deleteTopic("orders", { dryRun: false });
  await broker.putTopic("orders", { type: "DELAY" });
  await send();
  table.pass(1_000);
  expect((await scanner.scan({ untilMs: table.clock.nowMs() + RUN_MS })).fired).toBe(1);
});
