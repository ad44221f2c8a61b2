import { expect, it } from "vitest";
import { KeyIndex } from "../../../../core/key-index/key-index.ts";
import { isNewer } from "../../../../core/query/position.ts";
import { RolledStore } from "../roller/rolled-store.ts";

const OTHERS = 1_200;

it("goes on behind a place, though another queue has more of the same store time than a step reads", async () => {
  const store = await RolledStore.open(1, { queues: 2 });
  const log = store.log();
  const bornAtMs = store.table.clock.nowMs();
  const record = {
    messageId: undefined,
    bornAtMs,
    tag: undefined,
    properties: new Map<string, string>(),
    messageGroup: undefined,
    priority: undefined,
  };
  for (let sent = 0; sent < OTHERS; sent++)
    await log.append(store.topic, 1, [{ ...record, keys: [], body: store.random.bytes(9_000) }]);
  for (let sent = 0; sent < 2; sent++)
    await log.append(store.topic, 0, [{ ...record, keys: ["order"], body: store.random.bytes(10) }]);
  const before = { storedAtMs: bornAtMs, queueId: 0, offset: 1 };
  const index = new KeyIndex({ ...store.stores, clock: store.table.clock, log });
  const step = await index.search(store.topic, { kind: "key", text: "order" }, { before }).step();
  expect(step.found).toEqual([{ ...before, offset: 0 }]);
  expect(step.reached === undefined || isNewer(before, step.reached)).toBe(true);
});
