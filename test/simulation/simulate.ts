import { MemoryItemStore } from "../../adapters/memory/memory-item-store.ts";
import { MemoryObjectStore } from "../../adapters/memory/memory-object-store.ts";
import type { RunningBroker } from "../../core/create-broker.ts";
import { BrokerError } from "../../core/errors.ts";
import type { ItemStore } from "../../core/ports/item-store.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { consume, GROUP, produce, type Stage, TOPIC } from "./actors.ts";
import { audit } from "./audit.ts";
import { Auditor } from "./auditor.ts";
import { drain, idleForDays } from "./calm-end.ts";
import { DynamoDbShape, type Met } from "./dynamodb-shape.ts";
import { type FaultRates, NO_FAULTS } from "./faulty-stores.ts";
import { Handler, type SimulatedStores } from "./handler.ts";
import { OPERATORS } from "./operators.ts";
import { REDRIVEN_QUEUE, SCENARIOS, type Scenario, type ScenarioName } from "./scenario.ts";
import { World } from "./world.ts";

const SKEW_MS = 1_000;
const HANDLERS = 3;
const CONSUMERS = 3;
const FAILING_CONSUMERS = 8;
const RETENTION_HOURS = 1;

export interface SimulationOptions {
  readonly seed: number;
  /** Plants a bug between the broker and its store. */
  readonly sabotage?: (items: ItemStore, random: SeededRandom) => ItemStore;
  readonly skewMarginMs?: number;
  /** Default: one after the other. */
  readonly scenario?: ScenarioName;
  /** Whether nearly everything fails and waits long, so that claims move out of the item. Default: in a quarter of them. */
  readonly failing?: boolean;
  /** Whether the table has DynamoDB's limits. Default: with every other seed. */
  readonly shaped?: boolean;
}

export interface SimulationResult {
  readonly violations: readonly string[];
  readonly traceHash: string;
  readonly delivered: number;
  readonly sent: number;
  /** Limits of the table that were met. */
  readonly met: Met;
}

/** One history: producers and consumers on failing handlers, then a calm end in which everything must come out right. */
export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  const { seed, sabotage, skewMarginMs = 2 * SKEW_MS, shaped = seed % 2 === 0 } = options;
  const names = Object.keys(SCENARIOS) as ScenarioName[];
  const scenario: Scenario = SCENARIOS[options.scenario ?? (names[Math.floor(seed / 2) % names.length] as ScenarioName)];
  const world = new World(new SeededRandom(seed));
  const { random } = world;
  const telemetry = { consumed: () => undefined };
  const honest = new MemoryItemStore(telemetry);
  const met: Met = { conflicts: 0, throttled: 0, cutPages: 0, spilled: 0 };
  const shape = new DynamoDbShape(honest, world, met);
  const table = countingSpills(shaped ? shape : honest, met);
  const stores: SimulatedStores = {
    items: sabotage ? sabotage(table, random) : table,
    objects: new MemoryObjectStore(telemetry),
  };
  let rates: FaultRates = NO_FAULTS;
  const startHandler = (name: string): Handler =>
    new Handler(name, world, stores, { skewMs: random.integer(-SKEW_MS, SKEW_MS), skewMarginMs, rates: () => rates });
  const maxAttempts = scenario.group.maxAttempts ?? random.pick([2, 4, 17]);
  const operator = scenario.operator && OPERATORS[scenario.operator];
  const auditor = new Auditor(maxAttempts, scenario.operator === "redrive" ? REDRIVEN_QUEUE : undefined);
  let failure: unknown;
  let finished = false;
  const history = async (): Promise<void> => {
    const failing = options.failing ?? random.chance(0.25);
    // Where claims move out of their item, many should meet at one.
    const queues = failing ? 1 : random.pick([1, 2]);
    await setUp(await startHandler("setup").broker, scenario, maxAttempts, queues);
    rates = profileOf(random);
    const handlers = Array.from({ length: HANDLERS }, (_, index) => startHandler(`h${index}`));
    const endMs = world.nowMs + random.pick([40_000, 90_000]);
    const stage: Stage = {
      world,
      auditor,
      scenario,
      failing,
      over: () => world.nowMs >= endMs,
      call: (verb, timeoutMs) => callAny(world, handlers, startHandler, verb, timeoutMs),
    };
    const actors = [
      produce(stage, "p0"),
      produce(stage, "p1"),
      ...Array.from({ length: failing ? FAILING_CONSUMERS : CONSUMERS }, (_, index) =>
        consume(stage, `c${index}`, random.integer(-SKEW_MS, SKEW_MS)),
      ),
      ...Array.from({ length: operator?.actors ?? 0 }, () => operator?.act(stage)),
    ];
    await Promise.all(actors);
    rates = NO_FAULTS;
    shape.calm = true;
    // Whatever is still on its way arrives, and every lease ends.
    await world.sleep(200_000);
    await operator?.end?.(world, await startHandler("operator").broker, auditor);
    const idle = !operator && random.chance(0.2);
    if (idle) await idleForDays(world, scenario, honest, await startHandler("afterwards").broker, auditor);
    await drain(world, await startHandler("calm").broker, auditor);
    await audit(await startHandler("audit").broker, honest, auditor, idle);
  };
  history()
    .catch((error: unknown) => {
      failure = error;
    })
    .finally(() => {
      finished = true;
    });
  await world.run(() => finished);
  if (failure) throw new Error(`seed ${seed} ended with an exception`, { cause: failure });
  const { violations, delivered, sent } = auditor;
  return { violations, traceHash: world.traceHash, delivered, sent, met };
}

async function setUp(broker: RunningBroker, scenario: Scenario, maxAttempts: number, queues: number): Promise<void> {
  await broker.putTopic(TOPIC, { queues, ...scenario.topic, retentionHours: RETENTION_HOURS });
  await broker.putGroup(GROUP, { ...scenario.group, maxAttempts, backoff: [1, 3] });
  await broker.putSubscription(GROUP, TOPIC, { filter: scenario.filter, startFrom: "earliest" });
}

/** Counts claims that move out of their item: a run in which none does proves nothing of them. */
const countingSpills = (items: ItemStore, met: Met): ItemStore => ({
  get: (key) => items.get(key),
  batchGet: (keys) => items.batchGet(keys),
  query: (query) => items.query(query),
  put: (item, options) => items.put(item, options),
  update: (key, changes, options) => items.update(key, changes, options),
  delete: (key, options) => items.delete(key, options),
  transact: (writes) => {
    met.spilled += writes.filter((write) => write.kind === "put" && write.item.pk.startsWith("r#")).length;
    return items.transact(writes);
  },
});

/** Some histories are nearly calm, some are terrible; each kind of fault can be absent. */
export function profileOf(random: SeededRandom): FaultRates {
  const rate = (most: number): number => (random.chance(0.25) ? 0 : most * random.fraction());
  return {
    refused: rate(0.06),
    replyLost: rate(0.08),
    appliedLate: rate(0.08),
    requestLost: rate(0.05),
    crash: rate(0.02),
    freeze: rate(0.05),
  };
}

/** A client: picks a handler (a new one in the place of a dead one), and gives up after a while. The handler may go on. */
async function callAny<T>(
  world: World,
  handlers: Handler[],
  startHandler: (name: string) => Handler,
  verb: (broker: RunningBroker) => Promise<T>,
  timeoutMs: number,
): Promise<T | "unknown"> {
  const index = world.random.integer(0, handlers.length - 1);
  if (handlers[index]?.crashed || world.random.chance(0.01)) handlers[index] = startHandler(`h${index}`);
  const handler = handlers[index] as Handler;
  const answer = handler.broker.then(verb).catch((error: unknown): "unknown" => {
    // Before its store answers a handler is not there; after that only answers of the contract may come.
    if (BrokerError.is(error) && error.code !== "INTERNAL_ERROR") return "unknown";
    if ((error as Error).name === "StoreUnavailable") {
      handler.crash();
      return "unknown";
    }
    throw error;
  });
  return Promise.race([answer, world.sleep(timeoutMs).then((): "unknown" => "unknown")]);
}
