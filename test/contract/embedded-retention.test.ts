import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { queuePk } from "../../core/keys.ts";
import { blockOf } from "../../core/log/block.ts";
import type { ItemStore } from "../../core/ports/item-store.ts";
import { everyItem } from "../../core/store/every-item.ts";
import { openEmbeddedStores } from "../../functions/stores/embedded-stores.ts";
import { testBroker } from "../support/broker/broker-over-table.ts";
import { ManualClock } from "../support/clocks/manual-clock.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { storeDirectory } from "../support/stores/store-directory.ts";

const EVERY_MINUTES = 5;
const SINGLES = { messages: 8, bytes: 4_000 };
const BATCH = { messages: 4, bytes: 8_000 };

test("a disk holds an hour more than the retention, of small messages and of large batches, and nothing is gone before", async () => {
  const directory = await storeDirectory();
  onTestFinished(() => directory.remove());
  const clock = new ManualClock();
  const random = new SeededRandom(1);
  const { items, objects, settings, disk, close } = await openEmbeddedStores(directory.path, { clock });
  const broker = await testBroker({ items, objects, settings, clock });
  await broker.putTopic("orders", { queues: 2, retentionHours: 1 });
  const { uid } = await broker.getTopic("orders");
  const bodies = ({ messages, bytes }: typeof SINGLES) => Array.from({ length: messages }, () => ({ body: random.bytes(bytes) }));
  const { signal } = new AbortController();
  const bytesPerHour = (60 / EVERY_MINUTES) * (SINGLES.messages * SINGLES.bytes + BATCH.messages * BATCH.bytes);
  const hoursHeld: number[] = [];
  for (let minutes = 0; minutes < 6 * 60; minutes += EVERY_MINUTES) {
    for (const message of bodies(SINGLES)) await broker.sendMessages("orders", [message]);
    await broker.sendMessages("orders", bodies(BATCH));
    await clock.pass(EVERY_MINUTES * 60_000);
    await disk?.sweep(signal);
    if (disk) await broker.dropExpired(signal, disk.reclaim);
    hoursHeld.push(((await blockBytes(items, uid)) + (await objectBytes(directory.path))) / bytesPerHour);
    const sent = (minutes / EVERY_MINUTES + 1) * (SINGLES.messages + BATCH.messages);
    const kept = Math.min(sent, (60 / EVERY_MINUTES) * (SINGLES.messages + BATCH.messages));
    if (minutes % 60 === 0) expect(await readable(broker.pullMessages)).toBe(kept);
  }
  expect(Math.max(...hoursHeld)).toBeLessThan(2.2);
  expect(Math.min(...hoursHeld.slice(-12))).toBeGreaterThan(1);
  await close();
});

async function blockBytes(items: ItemStore, uid: string): Promise<number> {
  let bytes = 0;
  for (const queueId of [0, 1])
    for await (const item of everyItem(items, { pk: queuePk(uid, queueId), limit: 100 })) bytes += blockOf(item).bytes;
  return bytes;
}

async function objectBytes(folder: string): Promise<number> {
  let bytes = 0;
  const entries = await readdir(join(folder, "objects"), { recursive: true, withFileTypes: true });
  for (const entry of entries) if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).size;
  return bytes;
}

/** Messages that pulls find from the first offset on. */
async function readable(pull: Awaited<ReturnType<typeof testBroker>>["pullMessages"]): Promise<number> {
  let count = 0;
  for (const queueId of [0, 1]) {
    for (let offset = 0; ; ) {
      const found = await pull("orders", queueId, { from: { offset }, limit: 32, maxBytes: 1_000_000, waitMs: 0 });
      if (found.status === "OFFSET_ILLEGAL") {
        offset = found.minOffset;
        continue;
      }
      count += found.messages.length;
      if (found.nextOffset === offset) break;
      offset = found.nextOffset;
    }
  }
  return count;
}
