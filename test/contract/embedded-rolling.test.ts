import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { QueueLog } from "../../core/log/queue-log.ts";
import { UNBOUNDED_READING } from "../../core/ports/reading.ts";
import { dropRolled } from "../../core/roller/drop-rolled.ts";
import { rollQueues } from "../../core/roller/keep-rolling.ts";
import { deflateCompressor } from "../../functions/runtime/compressor.ts";
import { openEmbeddedStores } from "../../functions/stores/embedded-stores.ts";
import { testBroker } from "../support/broker/broker-over-table.ts";
import { ManualClock } from "../support/clocks/manual-clock.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { storeDirectory } from "../support/stores/store-directory.ts";

const MESSAGES = 4_400;
const BYTES = 9_000;

test("a disk gets the room of rolled blocks back, also of those that a process before dropped, and what is in segments is there after a start", {
  timeout: 60_000,
}, async () => {
  const directory = await storeDirectory();
  onTestFinished(() => directory.remove());
  const clock = new ManualClock();
  const random = new SeededRandom(1);
  const body = random.bytes(BYTES);
  const open = async () => {
    const stores = await openEmbeddedStores(directory.path, { clock });
    return { stores, broker: await testBroker({ ...stores, clock }) };
  };
  const { stores, broker } = await open();
  await broker.putTopic("orders", { queues: 1 });
  for (let sent = 0; sent < MESSAGES; sent += 100)
    await Promise.all(
      Array.from({ length: 100 }, (_, index) =>
        broker.sendMessages("orders", [{ body: Buffer.concat([Buffer.from(`${sent + index} `), body]) }]),
      ),
    );
  const before = await bytesIn(directory.path, "items");
  expect(before).toBeGreaterThan(MESSAGES * BYTES);
  const { signal } = new AbortController();
  const log = new QueueLog({ ...stores, clock, random, compressor: deflateCompressor }, stores.settings);
  const rolling = { ...stores, clock, random, log, reading: UNBOUNDED_READING };
  await rollQueues(rolling, signal);
  const { rolled } = await rollQueues(rolling, signal);
  let dropped = 0;
  for (const queue of rolled.values()) dropped += (await dropRolled(rolling, queue, signal)).bytes;
  const payload = MESSAGES * BYTES;
  expect(dropped / payload).toBeGreaterThan(0.99);
  expect((await bytesIn(directory.path, "objects")) / payload).toBeLessThan(1.02);
  // The process dies before the room was given back.
  await stores.close();
  expect((await bytesIn(directory.path, "items")) / payload).toBeGreaterThan(0.9);
  const again = await open();
  const rollingAgain = { ...again.stores, clock, random, reading: UNBOUNDED_READING };
  for (const queue of rolled.values()) await again.stores.disk?.reclaim(await dropRolled(rollingAgain, queue, signal));
  expect((await bytesIn(directory.path, "items")) / payload).toBeLessThan(1 / 8);
  const numbers = new Set<number>();
  for (let offset = 0; offset < MESSAGES; ) {
    const request = { from: { offset }, limit: 32, maxBytes: 1_000_000, waitMs: 0 };
    const found = await again.broker.pullMessages("orders", 0, request);
    if (found.status === "OFFSET_ILLEGAL") throw new Error(`offset ${offset} is gone`);
    for (const message of found.messages) {
      expect(Buffer.compare(message.body.subarray(-BYTES), body)).toBe(0);
      numbers.add(Number(Buffer.from(message.body.subarray(0, 5)).toString().split(" ")[0]));
    }
    offset = found.nextOffset;
  }
  expect(numbers.size).toBe(MESSAGES);
  await again.stores.close();
});

async function bytesIn(folder: string, part: string): Promise<number> {
  let bytes = 0;
  const entries = await readdir(join(folder, part), { recursive: true, withFileTypes: true });
  for (const entry of entries)
    if (entry.isFile())
      bytes += await stat(join(entry.parentPath, entry.name)).then(
        ({ size }) => size,
        () => 0,
      );
  return bytes;
}
