import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { SHARED_STORE, SOLE_PROCESS } from "../../../core/broker-settings.ts";
import type { RunningBroker } from "../../../core/create-broker.ts";
import { FORMAT_KEY } from "../../../core/keys.ts";
import { NEWEST_FORMAT, OLDEST_FORMAT } from "../../../core/store/store-format.ts";
import { brokerOverTable } from "../../support/broker/broker-over-table.ts";
import type { GoldenStore } from "./golden.ts";
import { goOn } from "./history.ts";
import { restore } from "./store-dump.ts";

const FORMATS = Array.from({ length: NEWEST_FORMAT - OLDEST_FORMAT + 1 }, (_, index) => OLDEST_FORMAT + index);

const golden = (format: number): GoldenStore =>
  JSON.parse(readFileSync(new URL(`./golden/format-${format}.json`, import.meta.url), "utf8")) as GoldenStore;

async function restored(format: number) {
  const table = brokerOverTable(SHARED_STORE);
  const { left, store } = golden(format);
  await restore(store, table.items, table.objects);
  table.pass(left.nowMs - table.clock.nowMs());
  return { table, left };
}

const EXPECTED = {
  extended: ["extended"],
  acked: ["acked", "acked", "acked", "acked"],
  repeated: ["packed p"],
  duplicates: [true, true],
  state: "COMMITTED",
  parcels: ["a1", "a2", "a3", "b0", "b1", "b2", "b3"],
  orders: ["packed p", "small 0", "small 1", "small 2", "small 3", "small 4", "small 5", "once", "sequence"],
  failing: [...Array.from({ length: 40 }, (_, index) => `failing ${index}`.slice(0, 8)), "new"].toSorted(),
  reminders: ["soon"],
  payments: ["prepared"],
  deadLetters: ["committed"],
  lag: [0, 0, 0, 0, 0],
};

describe.each(FORMATS)("a store of format %i", (format) => {
  it("is gone on with, in its own format", async () => {
    const { table, left } = await restored(format);
    const broker = await table.process();
    expect(brief(await goOn(broker, left, table.pass))).toEqual(EXPECTED);
    expect((await broker.storeFormat()).stored).toBe(format);
  });

  it("is gone on with by a process that is alone on it, which raises it", async () => {
    const { table, left } = await restored(format);
    const broker = await table.process(table.items, undefined, { settings: SOLE_PROCESS });
    expect(brief(await goOn(broker, left, table.pass))).toEqual(EXPECTED);
    expect((await broker.storeFormat()).stored).toBe(NEWEST_FORMAT);
  });

  it("is raised in a step of its own, under a process that goes on writing as before", async () => {
    const { table, left } = await restored(format);
    const [before, raising] = (await Promise.all([table.process(), table.process()])) as [RunningBroker, RunningBroker];
    expect(await raising.raiseFormat()).toEqual({ stored: NEWEST_FORMAT, written: NEWEST_FORMAT, newest: NEWEST_FORMAT });
    expect(await before.storeFormat()).toEqual({ stored: NEWEST_FORMAT, written: format, newest: NEWEST_FORMAT });
    expect((await table.items.get(FORMAT_KEY))?.v).toBe(NEWEST_FORMAT);
    expect(brief(await goOn(before, left, table.pass))).toEqual(EXPECTED);
  });
});

const brief = (came: Awaited<ReturnType<typeof goOn>>) => ({
  ...came,
  failing: came.failing.map((text) => text.slice(0, 8)).toSorted(),
});
