import { type BrokerSettings, SHARED_STORE, SOLE_PROCESS } from "../../core/broker-settings.ts";
import { TOPICS_PK } from "../../core/keys.ts";
import type { Topic } from "../../core/terms.ts";
import { topicOf } from "../../core/topic/topic-codec.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { Ages } from "./ages.ts";
import { Auditor } from "./audit/auditor.ts";
import { checkChain } from "./audit/chain-auditor.ts";
import { NOTHING_ROLLED, type Rolled } from "./audit/rolled-auditor.ts";
import { storedState } from "./audit/stored-state.ts";
import { drain } from "./calm-end.ts";
import { Client } from "./client.ts";
import { consume } from "./consumer.ts";
import type { Met } from "./dynamodb-shape.ts";
import { honestProfileOf, LOOSE, losesReplies, MIXED, profileOf, STRICT } from "./fault-profile.ts";
import { type FaultRates, NO_FAULTS, QUITE_SLOW, type Slowness, STALLING, VERY_SLOW } from "./faulty-stores.ts";
import { Handler } from "./handler.ts";
import { OPERATORS } from "./operators.ts";
import { produce } from "./producer.ts";
import { WINDOW_MS } from "./repeats.ts";
import { failed, rollAtLast, stalling } from "./rollers.ts";
import type { Plant } from "./sabotage.ts";
import { GROUP, REDRIVEN_QUEUE, type Scenario, TOPIC } from "./scenario.ts";
import { SCENARIOS, type ScenarioName } from "./scenarios.ts";
import { scenarioOf } from "./seed-split.ts";
import { SimulatedTable } from "./simulated-table.ts";
import type { Stage } from "./stage.ts";
import { World } from "./world.ts";

const SKEW_MS = 1_000;
/** How often a call of a roller stalls, beside all else that goes wrong. */
const STALLS = 0.06;
const HANDLERS = 3;
const RETENTION_HOURS = 1;
/** After this time all calls under way have arrived, and every lease has ended. */
const AFTERMATH_MS = 200_000;
const SLOW_AFTERMATH_MS = 8_000_000;
/** How late a message may be found: where arrivals ring, and where they are looked for every five seconds. */
const PROMPT_MS = { sole: 1_000, shared: 7_000 };

export interface SimulationOptions {
  readonly seed: number;
  /** A bug to be found. */
  readonly plant?: Plant;
  readonly skewMarginMs?: number;
  /** Default: depends on the seed. */
  readonly scenario?: ScenarioName;
  /** Whether the table has DynamoDB's limits. Default: half of the time, if anything fails at all. */
  readonly shaped?: boolean;
  /** Told everything that happens. */
  readonly listen?: (line: string) => void;
}

export interface SimulationResult {
  readonly scenario: ScenarioName;
  readonly violations: readonly string[];
  readonly traceHash: string;
  readonly delivered: number;
  readonly sent: number;
  /** How often limits of the table were met. */
  readonly met: Met;
  readonly rolled: Rolled;
}

/** One history: producers and consumers on failing handlers, then a calm end in which everything must come out right. */
export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  const name = options.scenario ?? scenarioOf(options.seed);
  const history = new History(options, SCENARIOS[name]);
  // Thousands of failures are thrown, and nobody reads their stack traces.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    await history.run();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
  const { auditor, world, table } = history;
  const { violations, delivered, sent } = auditor;
  return {
    scenario: name,
    violations: violations.found,
    traceHash: world.traceHash,
    delivered,
    sent,
    met: table.met,
    rolled: {
      ...(auditor.rolled?.counts ?? NOTHING_ROLLED),
      read: table.segmentReads,
      lookups: auditor.lookups?.asked ?? 0,
    },
  };
}

class History {
  readonly world: World;
  readonly table: SimulatedTable;
  readonly auditor: Auditor;
  readonly #options: SimulationOptions;
  readonly #scenario: Scenario;
  readonly #maxAttempts: number;
  readonly #retentionHours: number;
  readonly #settings: BrokerSettings;
  readonly #beside = new Set<Promise<void>>();
  #rates: FaultRates = NO_FAULTS;

  constructor(options: SimulationOptions, scenario: Scenario) {
    this.#options = options;
    this.world = new World(new SeededRandom(options.seed), options.listen);
    const { random } = this.world;
    const { soleProcess = false, faults = "any" } = scenario;
    const sole = soleProcess === "half" ? random.chance(0.5) : soleProcess;
    this.#scenario = { ...scenario, soleProcess: sole };
    const rolls = scenario.operators?.includes("roll") ? { ...rollsOf(random), ...(!sole && { rollHintMessages: 3 }) } : {};
    this.#settings = { ...(sole ? SOLE_PROCESS_SMALL : SHARED_STORE_SMALL), ...rolls };
    const shaped = options.shaped ?? (faults === "any" && !sole && random.chance(0.5));
    const looseness = sole ? STRICT : scenario.operators?.includes("roll") ? MIXED : LOOSE;
    this.table = new SimulatedTable(this.world, { plant: options.plant ?? {}, shaped, looseness });
    this.#retentionHours = random.pick(scenario.retentionHours ?? [RETENTION_HOURS]);
    this.#maxAttempts = random.pick(scenario.maxAttempts);
    this.auditor = new Auditor({
      maxAttempts: this.#maxAttempts,
      redrivenQueue: scenario.operators?.some((name) => name.startsWith("redrive")) ? REDRIVEN_QUEUE : undefined,
      damaged: scenario.damaged ?? false,
      remade: scenario.operators?.includes("remake") ?? false,
      exactAttempts: faults === "none" && scenario.consuming.abort === 0 && !scenario.operators,
      aging: scenario.ages !== undefined,
      retention: { hours: this.#retentionHours, skewMs: sole ? 0 : SKEW_MS },
      rolled: scenario.operators?.includes("roll")
        ? {
            items: this.table.honest,
            objects: this.table.honestObjects,
            nowMs: () => this.world.nowMs,
            knownMs: WINDOW_MS,
            flightMs: 2 * VERY_SLOW.freezeMsMax,
          }
        : undefined,
      turns: scenario.turns ? { skewMs: 2 * SKEW_MS } : undefined,
      promptness: scenario.prompt ? { boundMs: sole ? PROMPT_MS.sole : PROMPT_MS.shared, skewMs: 2 * SKEW_MS } : undefined,
    });
  }

  /** An unexpected exception is a violation, too. */
  async run(): Promise<void> {
    let finished = false;
    this.#live()
      .catch((error: unknown) => this.auditor.violations.add("E", String(error)))
      .finally(() => {
        finished = true;
      });
    await this.world.run(() => finished);
    if (!finished) this.auditor.violations.add("E", "nothing is left to happen, and somebody still waits");
  }

  async #live(): Promise<void> {
    const { world, auditor, table } = this;
    const topic = await this.#setUp();
    auditor.rolled?.follow(topic.uid);
    table.honest.watcher = auditor.rolled;
    this.#rates = this.#profile();
    const client = new Client(world, this.#scenario.soleProcess ? 1 : HANDLERS, (name) => this.#start(name), {
      auditor,
      meddle: this.#options.plant?.broker,
    });
    const { ages = 1 } = this.#scenario;
    const aging = new Ages(world, table, this.#scenario.soleProcess === true);
    for (let age = 1; age < ages; age++) {
      let leap = (): void => undefined;
      const leapt = new Promise<void>((resolve) => {
        leap = resolve;
      });
      await this.#age(this.#stage(client, age, leapt), client, aging);
      await aging.leap();
      leap();
    }
    await this.#age(this.#stage(client, ages, undefined), client, ages > 1 ? aging : undefined);
    this.#rates = NO_FAULTS;
    table.calm();
    while (this.#beside.size > 0) await Promise.all(this.#beside);
    await world.sleep(ages > 1 ? SLOW_AFTERMATH_MS : AFTERMATH_MS);
    const broker = await this.#start("end").broker;
    if (auditor.rolled) await rollAtLast(world, broker, this.#scenario.soleProcess === true);
    for (const operator of this.#scenario.operators ?? []) await OPERATORS[operator].end?.(world, broker, auditor);
    await drain(world, broker, auditor);
    const askedMs = world.nowMs;
    auditor.finish(await storedState(await this.#start("audit").broker, table.honest), askedMs, world.nowMs);
    await this.#checkRolled(topic);
    const keptUntilMs = (storedAtMs: number): number => auditor.retention.keptUntilMs(storedAtMs, world.nowMs);
    await checkChain(table.honest, topic, keptUntilMs, auditor.violations);
  }

  async #checkRolled({ queuesEver }: Topic): Promise<void> {
    const { rolled } = this.auditor;
    const { honest } = this.table;
    if (!rolled) return;
    await rolled.finish(queuesEver, this.world.nowMs);
    const topics = await honest.query({ pk: TOPICS_PK, limit: 100 });
    await rolled.checkLeftovers(new Set(topics.items.map((item) => topicOf(item).uid)));
  }

  /** One part of the history: everyone acts, until it is over. */
  async #age(stage: Stage, client: Client, aging: Ages | undefined): Promise<void> {
    const swept = aging?.sweep(stage);
    const dropped = this.#scenario.soleProcess ? aging?.drop(stage) : undefined;
    await Promise.all([...this.#actors(stage), this.#stepClocks(stage, client), swept, dropped]);
  }

  async #setUp(): Promise<Topic> {
    const { topic, group, filter, queues = [1, 2] } = this.#scenario;
    const { random } = this.world;
    const broker = await this.#start("setup").broker;
    const flushMode = random.chance(0.15) ? "SYNC_FLUSH" : "ASYNC_FLUSH";
    const { topic: made } = await broker.putTopic(TOPIC, {
      queues: random.pick(queues),
      flushMode,
      ...topic,
      retentionHours: this.#retentionHours,
    });
    await broker.putGroup(GROUP, { ...group, maxAttempts: this.#maxAttempts, backoff: [1, 3] });
    await broker.putSubscription(GROUP, TOPIC, { filter, startFrom: "earliest" });
    return made;
  }

  #profile(): FaultRates {
    const { random } = this.world;
    if (this.#scenario.faults === "none") return NO_FAULTS;
    const { soleProcess, losesReplies: loses } = this.#scenario;
    return (soleProcess && !loses) || random.chance(0.3) ? honestProfileOf(random) : profileOf(random);
  }

  #start(name: string): Handler {
    const { world, table } = this;
    const slowness = this.#slowness();
    const { compressor } = this.#options.plant ?? {};
    const sole = this.#scenario.soleProcess === true;
    const skewMarginMs = sole ? 0 : (this.#options.skewMarginMs ?? 2 * SKEW_MS);
    return new Handler(name, world, table, {
      skewMs: sole ? 0 : world.random.integer(-SKEW_MS, SKEW_MS),
      skewMarginMs,
      settings: { ...this.#settings, skewMarginMs },
      rates: () => this.#rates,
      sleepMs: this.#options.plant?.sleepMs,
      dependencies: compressor ? { compressor } : {},
      ...(slowness && { slowness }),
    });
  }

  #slowness(): Slowness | undefined {
    if (!this.#scenario.ages) return undefined;
    return this.#scenario.soleProcess && this.#scenario.losesReplies ? QUITE_SLOW : VERY_SLOW;
  }

  /** One that only rolls: it stalls more often, and for longer. What it reads of segments is not what readers read. */
  #startRoller(leaps: boolean): Handler {
    const { world, table } = this;
    const sole = this.#scenario.soleProcess === true;
    const skewMarginMs = sole ? 0 : 2 * SKEW_MS;
    const stalls = leaps ? STALLING : VERY_SLOW;
    return new Handler(
      "roller",
      world,
      { items: table.items, objects: stalling(table.unreadObjects, world, stalls.freezeMsMax) },
      {
        skewMs: sole ? 0 : world.random.integer(-SKEW_MS, SKEW_MS),
        skewMarginMs,
        settings: { ...this.#settings, skewMarginMs },
        rates: () =>
          this.#rates === NO_FAULTS ? NO_FAULTS : { ...this.#rates, freeze: this.#rates.freeze + (sole ? 0 : STALLS) },
        sleepMs: this.#options.plant?.sleepMs,
        slowness: sole ? QUITE_SLOW : stalls,
        dependencies: { onFailure: (error) => failed(error, this.auditor) },
      },
    );
  }

  #stage(client: Client, age: number, leapt: Promise<void> | undefined): Stage {
    const { world, auditor, table } = this;
    const endMs = world.nowMs + world.random.pick(this.#scenario.runMs);
    return {
      world,
      auditor,
      scenario: this.#scenario,
      repliesGetLost: losesReplies(this.#rates),
      claimsMoved: () => table.met.movedOut > 0,
      over: () => world.nowMs >= endMs,
      age,
      leapt,
      ask: (verb, timeoutMs) => client.ask(verb, timeoutMs),
      startRoller: () => this.#startRoller(leapt !== undefined),
      damageObject: () => table.damageObject(),
      beside: (work) => {
        const tracked = work.finally(() => this.#beside.delete(tracked));
        this.#beside.add(tracked);
      },
    };
  }

  #actors(stage: Stage): readonly Promise<void>[] {
    const { sending, consuming, operators = [], soleProcess } = this.#scenario;
    const { random } = this.world;
    return [
      ...Array.from({ length: sending.producers }, (_, index) => produce(stage, `p${stage.age}${index}`)),
      ...Array.from({ length: consuming.consumers }, (_, index) =>
        consume(stage, { name: `c${index}`, skewMs: soleProcess ? 0 : random.integer(-SKEW_MS, SKEW_MS) }),
      ),
      ...operators.flatMap((name) => Array.from({ length: OPERATORS[name].actors }, () => OPERATORS[name].act(stage))),
    ];
  }

  /** In some histories clocks are set, back and forth, within what they may differ. */
  async #stepClocks({ over }: Stage, client: Client): Promise<void> {
    const { random } = this.world;
    if (this.#scenario.soleProcess || !random.chance(0.3)) return;
    while (!over()) {
      await this.world.sleep(random.integer(200, 3_000));
      random.pick(client.handlers).skewMs = random.integer(-SKEW_MS, SKEW_MS);
    }
  }
}

/** Small frames are stored inline, larger ones in objects, and some are packed. */
const SMALL = { inlineFrameBytesMax: 600, transactedInlineBytesMax: 400, detachedInlineBytesMax: 300, packFromBytes: 200 };
const SHARED_STORE_SMALL = { ...SHARED_STORE, ...SMALL };
const SOLE_PROCESS_SMALL = { ...SOLE_PROCESS, inlineFrameBytesMax: SMALL.inlineFrameBytesMax };

/** What a few messages fill: a segment of several pages, soon due. */
const rollsOf = (random: SeededRandom) => ({
  rollBytesMin: random.pick([100, 300, 800]),
  rollSettings: {
    segmentBytes: random.pick([4_000, 12_000]),
    dueAgeMs: random.pick([200, 600]),
    pages: { least: 1_500, most: 2_000 },
    merges: { files: 2, entries: random.pick([3, 40]) },
  },
  lookBehind: { messages: 4, reads: 2 },
});
