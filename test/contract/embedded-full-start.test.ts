import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { layBallast } from "../../adapters/embedded/ballast.ts";
import { BrokerError } from "../../core/errors.ts";
import { FORMAT_KEY } from "../../core/keys.ts";
import { createSystemRandom } from "../../functions/runtime/random.ts";
import { openEmbeddedStores } from "../../functions/stores/embedded-stores.ts";
import { startBroker } from "../../functions/stores/start-broker.ts";
import { type SmallDisk, smallDisk } from "../support/faults/small-disk.ts";

const MIB = 1024 * 1024;
const PULL = { from: { offset: 0 }, limit: 32, maxBytes: MIB, waitMs: 0 } as const;

let disk: SmallDisk | undefined;
afterEach(async () => {
  await disk?.remove();
  disk = undefined;
});

async function start(path: string) {
  const stores = await openEmbeddedStores(path);
  const broker = await startBroker(stores, { random: createSystemRandom(), onFailure: () => undefined });
  const stop = async (): Promise<void> => {
    broker.stop();
    await stores.close();
  };
  return { stores, broker, stop };
}

test("a broker starts on a full disk, shows what it has, and sends again when there is room", async (context) => {
  const found = await smallDisk(110);
  if ("unavailable" in found) return context.skip(`skipped: ${found.unavailable}`);
  disk = found;
  const path = join(disk.path, "data");
  const send = (broker: Awaited<ReturnType<typeof start>>["broker"]) =>
    broker.sendMessages("t", [{ body: new Uint8Array(10) }]).then(([result]) => result);

  const first = await start(path);
  await first.broker.putTopic("t", { queues: 1 });
  expect(await send(first.broker)).toMatchObject({ offset: 0 });
  // The format before, which a start would raise.
  await first.stores.items.put({ ...FORMAT_KEY, v: 2 });
  await layBallast(path, 8 * MIB);
  await first.stop();

  await disk.fill();
  const second = await start(path);
  expect(await second.broker.pullMessages("t", 0, PULL)).toMatchObject({ messages: [{ offset: 0 }] });
  expect(await send(second.broker)).toBeInstanceOf(BrokerError);
  await second.stop();

  await disk.free();
  const third = await start(path);
  expect(await send(third.broker)).toMatchObject({ offset: 1 });
  expect(await third.stores.items.get(FORMAT_KEY)).toMatchObject({ v: 4 });
  await third.stop();
});
