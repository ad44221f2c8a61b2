import { describe, expect, it } from "vitest";
import { SHARED_STORE } from "../../../core/broker-settings.ts";
import type { RunningBroker } from "../../../core/create-broker.ts";
import { FLIGHT_MS_MAX } from "../../../core/log/log-limits.ts";
import type { ItemStore } from "../../../core/ports/item-store.ts";
import { StoreUnavailable } from "../../../core/ports/store-failures.ts";
import { brokerOverTable, receivedTexts } from "../../support/broker/broker-over-table.ts";
import { faulty } from "../../support/faults/one-faulty-write.ts";

const SECOND_MS = 1_000;

/** A sender whose first write of a timer goes wrong, beside a healthy process; and how often the scanner was rung. */
async function senderWith(
  fault: "replyLost" | "requestLost" | "late" | "crashAfter",
  and: (store: ItemStore) => ItemStore = same,
) {
  const table = brokerOverTable(SHARED_STORE);
  const healthy = await table.process();
  await healthy.putTopic("orders", { type: "MIXED", queues: 1 });
  await healthy.putGroup("readers", {});
  await healthy.putSubscription("readers", "orders", { startFrom: "earliest" });
  const { store, applyLate } = faulty(table.items, 0, fault);
  let rings = 0;
  const sender = await table.process(and(store), { ring: async () => void rings++ });
  const send = async (delayMs: number) => (await sender.sendMessages("orders", [{ body: Buffer.from("once"), delayMs }]))[0];
  return { table, healthy, send, applyLate, rings: () => rings };
}

const same = (store: ItemStore): ItemStore => store;

async function deliveredBy(broker: RunningBroker, untilMs: number): Promise<readonly string[]> {
  await broker.scan({ untilMs });
  return receivedTexts(broker, "readers");
}

describe("a delayed send that is nearly due, and whose reply is lost,", () => {
  it("is answered as any other where one look finds it stored, and rings the scanner", async () => {
    const { table, healthy, send, rings } = await senderWith("replyLost");
    const receipt = await send(20 * SECOND_MS);
    expect(receipt).toMatchObject({ duplicate: false, deliverAtMs: table.clock.nowMs() + 20 * SECOND_MS });
    expect(rings()).toBe(1);
    const [listed] = (await healthy.listScheduled("orders", { limit: 10 })).items;
    expect(receipt).toMatchObject({ messageId: listed?.messageId, recallHandle: listed?.recallHandle });
    expect(await deliveredBy(healthy, table.pass(30 * SECOND_MS) + 500)).toEqual(["once"]);
  });

  it.each(["requestLost", "late"] as const)("stays unknown where it is not there: %s", async (fault) => {
    const { table, healthy, send, applyLate, rings } = await senderWith(fault);
    expect(await send(20 * SECOND_MS)).toMatchObject({ code: "REQUEST_TIMEOUT", effect: "unknown" });
    expect(rings()).toBe(0);
    await applyLate();
    const texts = await deliveredBy(healthy, table.pass(30 * SECOND_MS) + 500);
    expect(texts).toEqual(fault === "late" ? ["once"] : []);
  });

  it("stays unknown where the look fails too", async () => {
    const { send } = await senderWith("crashAfter");
    expect(await send(20 * SECOND_MS)).toMatchObject({ code: "REQUEST_TIMEOUT", effect: "unknown" });
  });

  it("stays unknown where it was fired before the look, and is delivered once", async () => {
    let beforeLook: (() => Promise<unknown>) | undefined;
    const { table, healthy, send } = await senderWith("replyLost", (store) => ({
      ...store,
      get: async (key) => {
        const work = key.pk.startsWith("t#") ? beforeLook : undefined;
        if (work) {
          beforeLook = undefined;
          await work();
        }
        return store.get(key);
      },
    }));
    beforeLook = () => healthy.scan({ untilMs: table.pass(2 * SECOND_MS) + 500 });
    expect(await send(SECOND_MS)).toMatchObject({ code: "REQUEST_TIMEOUT" });
    expect(await deliveredBy(healthy, table.pass(10 * SECOND_MS) + 500)).toEqual(["once"]);
  });

  it.each([
    ["cancelled", []],
    ["moved", ["once"]],
  ] as const)("was stored where somebody who found it in the list %s it before the look", async (what, delivered) => {
    let beforeLook: (() => Promise<unknown>) | undefined;
    const { table, healthy, send } = await senderWith("replyLost", (store) => ({
      ...store,
      get: async (key) => {
        if (key.pk.startsWith("t#")) await beforeLook?.();
        return store.get(key);
      },
    }));
    beforeLook = async () => {
      beforeLook = undefined;
      const [listed] = (await healthy.listScheduled("orders", { limit: 10 })).items;
      const handle = listed?.recallHandle ?? "";
      if (what === "cancelled") await healthy.cancelMessage("orders", handle);
      else await healthy.rescheduleMessage("orders", handle, table.clock.nowMs() + 60 * SECOND_MS);
    };
    expect(await send(20 * SECOND_MS)).toMatchObject({ duplicate: false });
    expect(await deliveredBy(healthy, table.pass(120 * SECOND_MS) + 500)).toEqual(delivered);
  });
});

it("a delayed send whose reply was lost, and whose repeats are throttled until its time is over, is found by one look", async () => {
  let throttled = false;
  const { table, healthy, send } = await senderWith("replyLost", (store) => ({
    ...store,
    put: async (item, options) => {
      if (throttled) throw new StoreUnavailable("not-applied", "throttled", "too hot");
      throttled = item.pk.startsWith("t#");
      return store.put(item, options);
    },
  }));
  expect(await send(3 * FLIGHT_MS_MAX)).toMatchObject({ duplicate: false });
  expect(await deliveredBy(healthy, table.pass(4 * FLIGHT_MS_MAX) + 500)).toEqual(["once"]);
});
