import { expect, it } from "vitest";
import { brokerOverTable, receivedTexts } from "../../support/broker/broker-over-table.ts";
import { ManualClock } from "../../support/clocks/manual-clock.ts";

const STEP_MS = 250;

it("delivers what fell due while the queues of message groups changed, soon after", async () => {
  const clock = new ManualClock();
  const table = brokerOverTable();
  const broker = await table.process(undefined, undefined, { clock });
  await broker.putTopic("orders", { type: "MIXED", writeQueues: 2, readQueues: 2 });
  await broker.putGroup("billing", {});
  await broker.putSubscription("billing", "orders", { startFrom: "earliest" });
  const stopping = new AbortController();
  const running = broker.keepGoing(stopping.signal);
  await broker.sendMessages("orders", [{ body: Buffer.from("x"), delayMs: 2_500, messageGroup: "a" }]);
  await clock.pass(1_000);
  let changed = false;
  const changing = broker.patchTopic("orders", { writeQueues: 4, readQueues: 4 }).then(() => {
    changed = true;
  });
  while (!changed) await clock.pass(STEP_MS);
  await changing;
  for (let ms = 0; ms < 1_000; ms += STEP_MS) await clock.pass(STEP_MS);
  expect(await receivedTexts(broker, "billing")).toEqual(["x"]);
  stopping.abort();
  await clock.pass(STEP_MS);
  await running;
});
