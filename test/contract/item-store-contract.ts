import { afterAll, beforeAll, describe } from "vitest";
import { testAtomicity } from "./items/atomicity.ts";
import { testConditions } from "./items/conditions.ts";
import type { ItemStoreFixture, OpenItemStore } from "./items/fixture.ts";
import { testGroupState } from "./items/group-state.ts";
import { testLimits } from "./items/limits.ts";
import { testQueries } from "./items/queries.ts";
import { testQueueLog } from "./items/queue-log.ts";
import { testTransactions } from "./items/transactions.ts";
import { testUnits } from "./items/units.ts";
import { testUpdates } from "./items/updates.ts";
import { testValues } from "./items/values.ts";

/** What every item store must do. It assumes nothing beyond the port; each test keeps to partitions of its own. */
export function describeItemStore(name: string, open: () => Promise<OpenItemStore>): void {
  describe(`item store: ${name}`, () => {
    let opened: OpenItemStore | undefined;
    let partitions = 0;
    const prefix = `contract-${process.pid}-${Date.now()}`;
    const current = (): OpenItemStore => {
      if (opened === undefined) throw new Error("the store is not open yet");
      return opened;
    };
    const fixture: ItemStoreFixture = {
      opened: current,
      store: () => current().store,
      partition: () => `${prefix}-${partitions++}`,
    };
    beforeAll(async () => {
      opened = await open();
    });
    afterAll(() => opened?.close());
    describe("values", () => testValues(fixture));
    describe("conditions", () => testConditions(fixture));
    describe("updates", () => testUpdates(fixture));
    describe("atomicity", () => testAtomicity(fixture));
    describe("queue log", () => testQueueLog(fixture));
    describe("group state", () => testGroupState(fixture));
    describe("transactions", () => testTransactions(fixture));
    describe("queries", () => testQueries(fixture));
    describe("limits", () => testLimits(fixture));
    describe("units", () => testUnits(fixture));
  });
}
