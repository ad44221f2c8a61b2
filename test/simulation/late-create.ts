import { SOLE_PROCESS } from "../../core/broker-settings.ts";
import { MERGE_SETTINGS } from "../../core/key-index/key-index-limits.ts";
import type { ItemStore } from "../../core/ports/item-store.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { RolledAuditor } from "./audit/rolled-auditor.ts";
import { Violations } from "./audit/violations.ts";
import { STRICT } from "./fault-profile.ts";
import { NO_FAULTS } from "./faulty-stores.ts";
import { Handler } from "./handler.ts";
import { isBlock, type Plant, tamper } from "./sabotage.ts";
import { SimulatedTable } from "./simulated-table.ts";
import { World } from "./world.ts";

const TOPIC = "orders";
const LATE_MS = 30_000;
const END_MS = 300_000;
const settings = {
  ...SOLE_PROCESS,
  rollBytesMin: 100,
  rollSettings: { segmentBytes: 4_000, dueAgeMs: 200, pages: { least: 1_500, most: 2_000 }, merges: MERGE_SETTINGS },
};

/**
 * A history that chance hardly plays: a sender dies with the write of a block on its way. The next process writes another block at that
 * place and rolls it. If it drops it by the time that the write arrives, the write finds its place free. Answers what auditors found.
 */
export async function playLateCreate(plant: Plant): Promise<readonly string[]> {
  const world = new World(new SeededRandom(1));
  const table = new SimulatedTable(world, { plant: {}, shaped: false, looseness: STRICT });
  const violations = new Violations();
  const honest = { items: table.honest, objects: table.honestObjects, nowMs: () => world.nowMs };
  const auditor = new RolledAuditor(violations, honest, { keptUntilMs: (storedAtMs) => storedAtMs + END_MS, skewMs: 0 });
  table.honest.watcher = auditor;
  const start = (items: ItemStore): Handler =>
    new Handler(
      "h",
      world,
      { items, objects: table.objects },
      {
        skewMs: 0,
        skewMarginMs: 0,
        settings,
        rates: () => NO_FAULTS,
        sleepMs: plant.sleepMs,
      },
    );
  let done = false;
  const live = async (): Promise<void> => {
    const dying = start(delayingBlocks(table.items, world));
    const broker = await dying.broker;
    auditor.follow((await broker.putTopic(TOPIC, { queues: 1 })).topic.uid);
    const send = (by: Handler, text: string) =>
      by.broker.then((one) => one.sendMessages(TOPIC, [{ body: Buffer.from(text.padEnd(200)) }]));
    const next = start(table.items);
    await send(next, "first");
    // It is on its way, and nobody waits for it.
    void send(dying, "late");
    await world.sleep(1_000);
    dying.crash();
    for (const text of ["second", "third", "fourth"]) await send(next, text);
    const stopping = new AbortController();
    const rolling = (await next.broker).keepRolling(stopping.signal, () => Promise.resolve());
    await world.sleep(END_MS);
    stopping.abort();
    await rolling;
  };
  const lived = live().finally(() => {
    done = true;
  });
  await world.run(() => done);
  await lived;
  return violations.found;
}

/** Blocks arrive late. */
const delayingBlocks = (items: ItemStore, world: World): ItemStore => ({
  ...tamper(items, {}),
  put: async (item, options) => {
    if (isBlock(item)) await world.sleep(LATE_MS);
    return items.put(item, options);
  },
});
