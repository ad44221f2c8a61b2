import { expect, it } from "vitest";
import { SHARED_STORE } from "../../../core/broker-settings.ts";
import { DEPARTURES_PK, GROUPS_PK, progressKey } from "../../../core/keys.ts";
import { FLIGHT_MS_MAX } from "../../../core/log/log-limits.ts";
import type { ItemStore } from "../../../core/ports/item-store.ts";
import { brokerOverTable, receivedTexts } from "../../support/broker/broker-over-table.ts";
import { FAULTS, faulty } from "../../support/faults/one-faulty-write.ts";

/** A store that notes whose progress was written to it. */
function watched(inner: ItemStore) {
  const uids = new Set<string>();
  const store: ItemStore = {
    get: (key, options) => inner.get(key, options),
    batchGet: (keys, options) => inner.batchGet(keys, options),
    query: (query) => inner.query(query),
    put(item, options) {
      const [kind, uid] = item.pk.split("#");
      if (kind === "g" && uid) uids.add(uid);
      return inner.put(item, options);
    },
    update: (key, changes, options) => inner.update(key, changes, options),
    delete: (key, options) => inner.delete(key, options),
    transact: (writes) => inner.transact(writes),
  };
  const progress = async (): Promise<string[]> => {
    const there = await Promise.all(Array.from(uids, async (uid) => ((await inner.get(progressKey(uid, 1))) ? [uid] : [])));
    return there.flat();
  };
  return { store, progress };
}

async function setUp() {
  const table = brokerOverTable(SHARED_STORE);
  const { store, progress } = watched(table.items);
  const broker = await table.process(store);
  await broker.putTopic("orders", { queues: 2 });
  await broker.putGroup("readers", {});
  const maintain = async () => {
    table.pass(2 * FLIGHT_MS_MAX + 1);
    await broker.maintain({ untilMs: table.pass(0) + 60_000 });
    expect((await table.items.query({ pk: DEPARTURES_PK, limit: 10 })).items).toEqual([]);
  };
  return { table, store, progress, broker, maintain };
}

const subscribe = { startFrom: "earliest" } as const;

it.each(FAULTS)("what a subscription that was not made leaves behind goes, whichever write meets %s", async (fault) => {
  for (let write = 0; ; write++) {
    const { table, store, progress, broker, maintain } = await setUp();
    const { store: failing, reached, applyLate } = faulty(store, write, fault);
    const other = await table.process(failing);
    await other.putSubscription("readers", "orders", subscribe).catch(() => undefined);
    if (!reached()) break;
    await applyLate();
    await maintain();
    const { subscriptions } = await broker.getGroup("readers");
    expect(await progress(), `write ${write}`).toEqual(subscriptions.map(({ uid }) => uid));
    await broker.putSubscription("readers", "orders", subscribe);
    await broker.sendMessages("orders", [{ body: Buffer.from("x") }]);
    expect(await receivedTexts(broker, "readers")).toEqual(["x"]);
  }
});

it("goes where the group was deleted meanwhile", async () => {
  const { table, store, progress, broker, maintain } = await setUp();
  const other = await table.process({
    ...store,
    async put(item, options) {
      if (item.pk.startsWith("g#")) await table.items.delete({ pk: GROUPS_PK, sk: "readers" });
      return store.put(item, options);
    },
  });
  await expect(other.putSubscription("readers", "orders", subscribe)).rejects.toMatchObject({
    code: "CONSUMER_GROUP_NOT_FOUND",
    effect: "none",
  });
  expect(await progress()).toHaveLength(1);
  await maintain();
  expect(await progress()).toEqual([]);
  await expect(broker.getGroup("readers")).rejects.toMatchObject({ code: "CONSUMER_GROUP_NOT_FOUND" });
});
