import { expect, it } from "vitest";
import { progressKey } from "../../../core/keys.ts";
import { progressOf } from "../../../core/progress/progress.ts";
import type { Filter } from "../../../core/terms.ts";
import { brokerOverTable, receivedTexts } from "../../support/broker/broker-over-table.ts";

const HOUR_MS = 3_600_000;

async function expiredAfterRestart(filter?: Filter): Promise<number> {
  const { process, items, pass } = brokerOverTable();
  const broker = await process();
  await broker.putTopic("orders", { queues: 1, retentionHours: 1 });
  await broker.putGroup("billing", {});
  const { subscription } = await broker.putSubscription("billing", "orders", { startFrom: "earliest", filter });
  const send = (text: string) => broker.sendMessages("orders", [{ body: Buffer.from(text), tag: "paid" }]);
  await send("acked");
  expect(await receivedTexts(broker, "billing")).toEqual(["acked"]);
  await send("expired");
  await send("expired too");
  pass(40 * HOUR_MS);
  await send("behind");
  expect(await receivedTexts(broker, "billing")).toEqual(["behind"]);
  const item = await items.get(progressKey(subscription.uid, 0));
  return progressOf(item as NonNullable<typeof item>).expired;
}

it("counts as expired what was sent, not the offsets that a restart passes over", async () => {
  expect(await expiredAfterRestart()).toBe(2);
  expect(await expiredAfterRestart({ type: "TAG", expression: "paid" })).toBe(2);
});
