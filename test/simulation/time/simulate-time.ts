import { MemoryItemStore } from "../../../adapters/memory/memory-item-store.ts";
import { MemoryObjectStore } from "../../../adapters/memory/memory-object-store.ts";
import type { RunningBroker } from "../../../core/create-broker.ts";
import { timersPk } from "../../../core/keys.ts";
import type { ItemStore } from "../../../core/ports/item-store.ts";
import { StoreUnavailable } from "../../../core/ports/store-failures.ts";
import { SCAN_LEASE_MS, SCAN_TICK_MS, TIMER_SHARDS } from "../../../core/timer/timer-limits.ts";
import { SeededRandom } from "../../support/seeded-random.ts";
import { DynamoDbShape, type Met } from "../dynamodb-shape.ts";
import { profileOf } from "../fault-profile.ts";
import { type FaultRates, FREEZE_MS_MAX, LATE_MS_MAX, NO_FAULTS } from "../faulty-stores.ts";
import { Handler, type SimulatedStores } from "../handler.ts";
import type { Sabotage } from "../sabotage.ts";
import { World } from "../world.ts";
import { allTransactions, deliveriesOf } from "./delivery.ts";
import { simulatedEndpoint } from "./endpoint.ts";
import { frozenAtTimes, SKEW_MS } from "./frozen-clock.ts";
import { sendByKey, sendInSequence } from "./once-actors.ts";
import { OnceAuditor } from "./once-auditor.ts";
import { PUNCTUAL, Scanners, type ScheduleFaults } from "./scanners.ts";
import { Client, DOOMED, JOBS, type Stage } from "./stage.ts";
import { replaceTopic, sendDelayed } from "./timer-actors.ts";
import { TimerAuditor } from "./timer-auditor.ts";
import { answerChecks, operate, PRODUCER_GROUPS, sendTransactions } from "./transaction-actors.ts";
import { TransactionAuditor } from "./transaction-auditor.ts";

const HANDLERS = 3;
/** A freeze before a call is sent and its late arrival together take less than twice this. */
const FLIGHT_MS = (FREEZE_MS_MAX + LATE_MS_MAX) / 2 + 5_000;
/** After this time all calls under way have arrived, and every lease has ended. */
const AFTERMATH_MS = 200_000;
/** The longest time until nothing waits. */
const LONGEST_DELAY_MS = 3 * 3_600_000 + 600_000;
/** How late a delivery may be if nothing fails: while a scanner runs or is rung, and where no ring is heard. */
const LATENESS_MS_MAX = { rung: 2_000, unheard: SCAN_TICK_MS + SCAN_LEASE_MS } as const;

/** The parts of a history. */
const ACTORS = {
  timers: (stage: Stage) => [sendDelayed(stage, "d0"), sendDelayed(stage, "d1"), replaceTopic(stage)],
  once: (stage: Stage) => [
    sendByKey(stage, "e0"),
    sendByKey(stage, "e1"),
    sendInSequence(stage, "p", "s0"),
    sendInSequence(stage, "p", "s1"),
  ],
  transactions: (stage: Stage) => [
    sendTransactions(stage, "t0"),
    sendTransactions(stage, "t1"),
    answerChecks(stage),
    answerChecks(stage),
    operate(stage),
  ],
} as const;

type Part = keyof typeof ACTORS;
const ALL_PARTS = Object.keys(ACTORS) as Part[];

export interface TimeSimulationOptions {
  readonly seed: number;
  readonly sabotage?: Sabotage;
  /** Default: all. */
  readonly parts?: readonly Part[];
  /** How long a store call is assumed to travel at most. */
  readonly flightMs?: number;
  /** If true, nothing fails, and delivery is in time. Default: in a fifth of all histories. */
  readonly calm?: boolean;
  /** Whether the table has DynamoDB's limits. Default: with every other seed, unless it is calm. */
  readonly shaped?: boolean;
  /** Told everything that happens. */
  readonly listen?: (line: string) => void;
}

export interface TimeSimulationResult {
  readonly violations: readonly string[];
  readonly traceHash: string;
  readonly delivered: number;
  readonly sent: number;
}

/** One history of delayed messages, sends with an identity, and transactions, on failing handlers; then a calm end. */
export async function simulateTime(options: TimeSimulationOptions): Promise<TimeSimulationResult> {
  const { seed, flightMs = FLIGHT_MS, calm = seed % 5 === 0, parts = ALL_PARTS } = options;
  const world = new World(new SeededRandom(seed), options.listen);
  const { random } = world;
  const nowMs = (): number => Math.floor(world.nowMs);
  const auditors = { timers: new TimerAuditor(nowMs), once: new OnceAuditor(), transactions: new TransactionAuditor(nowMs) };
  const { stores, shape, honest } = storesOf(world, options, calm);
  let failure: unknown;
  const fail = (error: unknown): void => {
    failure ??= error;
  };
  const unheard = calm && random.chance(0.3);
  let rates: FaultRates = NO_FAULTS;
  let schedule: ScheduleFaults = { ...PUNCTUAL, ringLost: unheard ? 1 : 0 };
  let scanners: Scanners | undefined;
  const startHandler = (name: string): Handler => {
    const skewMs = calm ? 0 : random.integer(-SKEW_MS, SKEW_MS);
    const dependencies = {
      clock: frozenAtTimes(world, skewMs, () => rates.freeze),
      askProducer: simulatedEndpoint(world, auditors.transactions, () => rates !== NO_FAULTS),
      doorbell: { ring: async () => scanners?.ring() },
      onFailure: (error: unknown) => (StoreUnavailable.is(error) ? undefined : fail(error)),
    };
    return new Handler(name, world, stores, { skewMs, skewMarginMs: 2 * SKEW_MS, flightMs, rates: () => rates, dependencies });
  };
  let delivered: number | undefined;
  const history = async (): Promise<void> => {
    await setUp(await startHandler("setup").broker);
    if (!calm) {
      rates = profileOf(random);
      schedule = { scannersPerTick: [0, 1, 1, 2], ringLost: random.pick([0, 0.3, 1]) };
    }
    scanners = new Scanners(world, startHandler, () => schedule, fail);
    const endMs = world.nowMs + random.pick([30_000, 70_000]);
    const stage: Stage = {
      world,
      ...auditors,
      client: new Client(world, startHandler, HANDLERS),
      nowMs,
      over: () => world.nowMs >= endMs,
      pause: (mostMs) => world.sleep(random.integer(20, mostMs)),
    };
    await Promise.all(parts.flatMap((part) => ACTORS[part](stage)));
    rates = NO_FAULTS;
    schedule = PUNCTUAL;
    shape.calm = true;
    await world.sleep(AFTERMATH_MS);
    const latestMs = world.nowMs + LONGEST_DELAY_MS;
    while (world.nowMs < latestMs && (await anythingWaits(honest))) await world.sleep(SCAN_TICK_MS);
    const lateMsMax = calm ? LATENESS_MS_MAX[unheard ? "unheard" : "rung"] : Number.POSITIVE_INFINITY;
    delivered = await audit(await startHandler("audit").broker, auditors, lateMsMax);
  };
  history().catch(fail);
  await world.run(() => delivered !== undefined || failure !== undefined);
  if (failure) throw new Error(`seed ${seed} ended with an exception`, { cause: failure });
  const { timers, once, transactions } = auditors;
  return {
    violations: [...timers.violations, ...once.violations, ...transactions.violations],
    traceHash: world.traceHash,
    delivered: delivered ?? 0,
    sent: timers.sent + once.sent + transactions.sent,
  };
}

function storesOf(
  world: World,
  { seed, sabotage, shaped = seed % 2 === 0 }: TimeSimulationOptions,
  calm: boolean,
): { readonly stores: SimulatedStores; readonly shape: DynamoDbShape; readonly honest: ItemStore } {
  const met: Met = { conflicts: 0, throttled: 0, cutPages: 0, movedOut: 0, backlogged: 0 };
  const honest = new MemoryItemStore();
  const shape = new DynamoDbShape(honest, world, met);
  const table = shaped && !calm ? shape : honest;
  const items = sabotage ? sabotage(table, world.random) : table;
  return { stores: { items, objects: new MemoryObjectStore() }, shape, honest };
}

async function anythingWaits(table: ItemStore): Promise<boolean> {
  const firsts = Array.from({ length: TIMER_SHARDS }, (_, shard) => table.query({ pk: timersPk(shard), limit: 1 }));
  return (await Promise.all(firsts)).some(({ items }) => items.length > 0);
}

type Auditors = Pick<Stage, "timers" | "once" | "transactions">;

/** Answers how many messages there are. */
async function audit(broker: RunningBroker, { timers, once, transactions }: Auditors, lateMsMax: number): Promise<number> {
  const deliveries = [...(await deliveriesOf(broker, JOBS)), ...(await deliveriesOf(broker, DOOMED))];
  const parked = (await broker.listParked({ limit: 1_000 })).items.map(({ messageId }) => messageId);
  timers.finish({ deliveries, parked, latestMs: (_timer, dueMs) => dueMs + lateMsMax });
  once.finish(deliveries);
  transactions.finish(deliveries, await allTransactions(broker));
  return deliveries.length;
}

async function setUp(broker: RunningBroker): Promise<void> {
  await broker.putTopic(JOBS, { type: "MIXED", queues: 2 });
  await broker.putTopic(DOOMED, { type: "MIXED", queues: 1 });
  for (const { producerGroup, maxChecks, endpoint } of PRODUCER_GROUPS)
    await broker.putProducerGroup(producerGroup, { maxChecks, ...(endpoint && { url: "https://shop.example.com/checks" }) });
}
