import { expect, it } from "vitest";
import { halfMessagesPk } from "../../../core/keys.ts";
import type { Clock } from "../../../core/ports/clock.ts";
import type { ItemStore } from "../../../core/ports/item-store.ts";
import type { ProducersAnswer } from "../../../core/transaction/ask-producer.ts";
import { SLOW_POST_MS } from "../../../core/transaction/post-limits.ts";
import { brokerOverTable } from "../../support/broker/broker-over-table.ts";
import { ManualClock } from "../../support/clocks/manual-clock.ts";

const CHECK_AFTER_MS = 6_000;
const GET_MS = 20;
const HALF_MESSAGES = halfMessagesPk(0).slice(0, -1);
const DEADLINE_MS = 5_000;
const STEP_MS = 250;
const SILENT: ProducersAnswer = { failure: "The endpoint did not answer within 5000 ms." };

/** The store, where a half message is read in a while. */
function slowReads(items: ItemStore, clock: Clock): ItemStore {
  return {
    get: async (key) => {
      if (key.pk.startsWith(HALF_MESSAGES)) await clock.sleep(GET_MS);
      return items.get(key);
    },
    batchGet: (keys) => items.batchGet(keys),
    query: (query) => items.query(query),
    put: (item, options) => items.put(item, options),
    update: (key, changes, options) => items.update(key, changes, options),
    delete: (key, options) => items.delete(key, options),
    transact: (writes, options) => items.transact(writes, options),
  };
}

/** A server with a transaction or more of each of these producer groups, all of them due to be checked. Those named `dead` never answer. */
async function checking(groups: readonly string[], each: number) {
  const manual = new ManualClock();
  let sleeps = 0;
  const clock: Clock = {
    nowMs: () => manual.nowMs(),
    sleep: (ms, signal) => {
      sleeps++;
      return manual.sleep(ms, signal);
    },
  };
  const calls = new Map<string, number>();
  const table = brokerOverTable();
  const setUp = await table.process(undefined, undefined, { clock });
  await setUp.putTopic("orders", { type: "TRANSACTION" });
  for (const producerGroup of groups) {
    await setUp.putProducerGroup(producerGroup, { url: `https://${producerGroup}.example.com/checks` });
    for (let count = 0; count < each; count++)
      await setUp.sendHalfMessage("orders", { body: Buffer.from("x") }, { producerGroup, checkAfterMs: CHECK_AFTER_MS });
  }
  const startedMs = manual.nowMs();
  const broker = await table.process(slowReads(table.items, clock), undefined, {
    clock,
    askProducer: async ({ producerGroup }) => {
      if (!calls.has(producerGroup)) calls.set(producerGroup, manual.nowMs() - startedMs - CHECK_AFTER_MS);
      if (!producerGroup.startsWith("dead")) return { resolution: "commit" };
      await manual.sleep(DEADLINE_MS);
      return SILENT;
    },
  });
  const stopping = new AbortController();
  const running = broker.keepGoing(stopping.signal);
  const pass = async (ms: number, stepMs = STEP_MS) => {
    for (let left = ms; left > 0; left -= stepMs) await manual.pass(Math.min(left, stepMs));
  };
  const stop = async () => {
    stopping.abort();
    await pass(20_000);
    await running;
  };
  return { calls, pass, stop, sleeps: () => sleeps };
}

const dead = (count: number) => Array.from({ length: count }, (_, at) => `dead-${at}`);

it("lets the next have a place after a second that all new endpoints were called at the same time and are silent", async () => {
  const { calls, pass, stop } = await checking([...dead(60), "good"], 1);
  await pass(CHECK_AFTER_MS + DEADLINE_MS);
  await stop();
  expect(calls.get("good")).toBeLessThan(2 * SLOW_POST_MS);
});

it("rests while all places for slow endpoints are taken", async () => {
  const { pass, stop, sleeps } = await checking(dead(40), 3);
  await pass(CHECK_AFTER_MS + SLOW_POST_MS);
  const before = sleeps();
  await pass(2 * SLOW_POST_MS, 1);
  const during = sleeps() - before;
  await stop();
  expect(during).toBeLessThan(100);
});
