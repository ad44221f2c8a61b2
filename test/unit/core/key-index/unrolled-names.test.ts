import { describe, expect, it } from "vitest";
import { KeyIndex } from "../../../../core/key-index/key-index.ts";
import { OBJECT_PAGE_BYTES } from "../../../../core/log/log-limits.ts";
import type { Search } from "../../../../core/query/candidates.ts";
import { RolledStore } from "../roller/rolled-store.ts";

const BATCH = 100;
/** Two keys for each message of a batch: more than a pointer holds. */
const KEYS = 2;
const SENDS = 5;

const lookUp = (store: RolledStore, index: KeyIndex, text: string): Search =>
  index.search(store.topic, { kind: "key", text }, {});

describe("a lookup among what is not rolled yet", () => {
  it("counts the objects that it reads for names", async () => {
    const store = await RolledStore.open(1);
    for (let sent = 0; sent < 200; sent++) {
      const keys = Array.from({ length: KEYS }, (_, at) => `${sent}-${at}`);
      const messages = Array.from({ length: BATCH }, () => ({ body: store.random.bytes(150), keys }));
      await store.broker.sendMessages("orders", messages);
    }
    const { objects } = store.table;
    const getRange = objects.getRange.bind(objects);
    let reads = 0;
    objects.getRange = (...call) => {
      reads++;
      return getRange(...call);
    };
    const index = new KeyIndex({ ...store.stores, clock: store.table.clock, log: store.log() });
    const search = lookUp(store, index, "nothing");
    const { reached, spent } = await search.step();
    expect(reached).toBeDefined();
    expect(spent.bytes).toBeGreaterThanOrEqual(reads * OBJECT_PAGE_BYTES);
    expect(reads).toBeLessThan(150);
  });

  it("finds what is in a block that was garbled on the way when it was first read", async () => {
    const store = await RolledStore.open(1);
    for (let sent = 0; sent < SENDS; sent++)
      await store.broker.sendMessages("orders", [{ body: store.random.bytes(500), keys: [`k${sent}`] }]);
    const { items } = store.table;
    const query = items.query.bind(items);
    items.query = async (request) => {
      const page = await query(request);
      const garbled = page.items.map((item) =>
        item.f
          ? { ...item, f: (item.f as Uint8Array[]).map((frame) => frame.map((byte, at) => (at === 60 ? byte ^ 1 : byte))) }
          : item,
      );
      return { ...page, items: garbled };
    };
    const log = store.log();
    const index = new KeyIndex({ ...store.stores, clock: store.table.clock, log });
    const garbledRun = await log.reader.run(store.queue(), 0, SENDS);
    expect((await log.messages(garbledRun, 0, SENDS, store.queue())).unreadable).toHaveLength(SENDS);
    items.query = query;
    for (let sent = 0; sent < SENDS; sent++)
      expect((await lookUp(store, index, `k${sent}`).step()).found).toMatchObject([{ offset: sent }]);
  });
});
