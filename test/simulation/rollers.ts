import type { RunningBroker } from "../../core/create-broker.ts";
import { BrokerError } from "../../core/errors.ts";
import type { ObjectStore } from "../../core/ports/object-store.ts";
import { StoreCorrupt, StoreUnavailable } from "../../core/ports/store-failures.ts";
import type { Auditor } from "./audit/auditor.ts";
import type { Handler } from "./handler.ts";
import type { Stage } from "./stage.ts";
import type { World } from "./world.ts";

/** Handlers that roll at once. */
const ROLLERS = 3;
const SKIPPED = 0.3;
const DOUBLED = 0.25;
const TICK_MS = { least: 200, most: 1_500 };
/** How long a tick may go on. */
const TICKS_MS = [30, 3_000, 60_000];
/** A process rolls for so long before it is stopped. A block is dropped two minutes after the start, if all goes well. */
const LIFE_MS = { least: 70_000, most: 240_000 };
const OVERLAPPING = 0.25;
const CALL_MS = 15_000;
const SETTLED_MS = 240_000;

/** How often a roller stalls when it has stored a segment, before the commit, and when it has read one, before it drops blocks. */
const STALLS = { stored: 0.15, read: 0.02 };

/** The objects of a roller, which stalls with something in hand, and then goes on with it. */
export const stalling = (objects: ObjectStore, world: World, mostMs: number): ObjectStore => {
  const stall = async (key: string, chance: number): Promise<void> => {
    if (key.endsWith(".seg") && world.random.chance(chance)) await world.sleep(world.random.integer(1_000, mostMs));
  };
  return {
    put: async (key, bytes, options) => {
      await objects.put(key, bytes, options);
      await stall(key, STALLS.stored);
    },
    getRange: async (key, offset, length) => {
      const bytes = await objects.getRange(key, offset, length);
      await stall(key, STALLS.read);
      return bytes;
    },
  };
};

/** Rolls while others send and read: with its own process where several share a store, and else beside them. */
export async function roll(stage: Stage): Promise<void> {
  await (stage.scenario.soleProcess ? rollAlone(stage) : rollInTicks(stage));
}

/** Ticks of maintenance: some are left out, some come twice at once, and some go on while the next ones run. */
async function rollInTicks(stage: Stage): Promise<void> {
  const { world } = stage;
  const { random } = world;
  const rollers: Handler[] = [];
  for (;;) {
    await world.sleep(random.integer(TICK_MS.least, TICK_MS.most));
    if (stage.over()) return;
    if (random.chance(SKIPPED)) continue;
    for (let ticks = random.chance(DOUBLED) ? 2 : 1; ticks > 0; ticks--) {
      const at = random.integer(0, ROLLERS - 1);
      const roller = !rollers[at] || rollers[at].crashed ? stage.startRoller() : rollers[at];
      rollers[at] = roller;
      stage.beside(
        living(roller, stage.auditor, async (broker) => {
          await broker.maintain({ untilMs: world.nowMs + random.pick(TICKS_MS) });
        }),
      );
    }
  }
}

/** One process after another: one is killed or stopped at any time, and at times the next one has begun by then. */
async function rollAlone(stage: Stage): Promise<void> {
  const { world } = stage;
  const { random } = world;
  const stops: AbortController[] = [];
  while (!stage.over()) {
    const roller = stage.startRoller();
    const stopping = new AbortController();
    stops.push(stopping);
    stage.beside(living(roller, stage.auditor, (broker) => broker.keepRolling(stopping.signal, () => Promise.resolve())));
    const untilMs = world.nowMs + random.integer(LIFE_MS.least, LIFE_MS.most);
    while (!stage.over() && !roller.crashed && world.nowMs < untilMs) await world.sleep(random.integer(500, 5_000));
    if (random.chance(0.5)) await stage.ask((broker) => broker.maintain({ untilMs: world.nowMs + 3_000 }), CALL_MS);
    if (random.chance(0.3)) roller.crash();
    if (!random.chance(OVERLAPPING)) stopping.abort();
  }
  for (const stopping of stops) stopping.abort();
}

/** Nothing fails any more: rolls all that is due, and drops it; and what deleted topics left behind goes. */
export async function rollAtLast(world: World, broker: RunningBroker, sole: boolean): Promise<void> {
  if (sole) {
    const stopping = new AbortController();
    const rolling = broker.keepRolling(stopping.signal, () => Promise.resolve());
    await world.sleep(SETTLED_MS);
    stopping.abort();
    await rolling;
  }
  for (let complete = false; !complete; ) complete = (await broker.maintain({ untilMs: world.nowMs + 600_000 })).complete;
}

/** The work of a process, until it ends or the process dies. */
function living(handler: Handler, auditor: Auditor, work: (broker: RunningBroker) => Promise<void>): Promise<void> {
  const worked = handler.broker.then(work).catch((error: unknown) => failed(error, auditor));
  return Promise.race([worked, handler.died]);
}

/** A store that does not answer is to be expected, and nothing else is. */
export function failed(error: unknown, auditor: Auditor): void {
  if (StoreUnavailable.is(error) || (BrokerError.is(error) && error.code !== "INTERNAL_ERROR")) return;
  if (StoreCorrupt.is(error)) auditor.corrupt(error.message);
  else auditor.violations.add("E", String(error));
}
