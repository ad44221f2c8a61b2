import { MemoryItemStore } from "../../../../adapters/memory/memory-item-store.ts";
import { MemoryObjectStore } from "../../../../adapters/memory/memory-object-store.ts";
import type { BrokerDependencies, RunningBroker } from "../../../../core/create-broker.ts";
import { timersPk } from "../../../../core/keys.ts";
import type { ItemStore } from "../../../../core/ports/item-store.ts";
import { StoreUnavailable } from "../../../../core/ports/store-failures.ts";
import type { Transaction } from "../../../../core/transaction/transaction.ts";
import { CHECK_INTERVAL_MS } from "../../../../core/transaction/transaction-limits.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";
import { profileOf } from "../../fault-profile.ts";
import { type FaultRates, FREEZE_MS_MAX, LATE_MS_MAX, NO_FAULTS } from "../../faulty-stores.ts";
import { Handler } from "../../handler.ts";
import { PartitionedTable } from "../../partitioned-table.ts";
import { World } from "../../world.ts";
import { allTransactions, type Delivery, deliveriesOf } from "../delivery.ts";
import { frozenAtTimes, SKEW_MS } from "../frozen-clock.ts";
import { Scanners, type ScheduleFaults } from "../scanners.ts";
import { Client } from "../stage.ts";
import { TimerAuditor } from "../timer-auditor.ts";
import { Allowance } from "./allowance.ts";
import { AskAuditor } from "./ask-auditor.ts";
import { simulatedEndpoints } from "./endpoint.ts";
import { Looks } from "./looks.ts";
import { losingLeaseReplies } from "./lost-leases.ts";
import { drawPlan, type Manner, type Plan, type Trouble } from "./plan.ts";
import type { TenantPlant } from "./sabotage.ts";
import { Servers } from "./servers.ts";
import {
  fill,
  HALF_TOPIC,
  leaveFew,
  leaveUndecided,
  QUIET_PRODUCERS,
  QUIET_TOPICS,
  sendLittle,
  type TenantStage,
} from "./tenant-actors.ts";

const HANDLERS = 3;
const RUN_MS = 40_000;
/** The time in which the last transactions are checked twice. */
const LAST_CHECKS_MS = 2 * CHECK_INTERVAL_MS + 15_000;
/** Scanners, and checks with them, are missing for a tick; or calls under way arrive, and every lease ends. */
const TROUBLED_MS = 150_000;
const DRAIN_MS_MAX = 400_000;
const FLIGHT_MS = (FREEZE_MS_MAX + LATE_MS_MAX) / 2 + 5_000;
/** How often the supervisor restarts servers. */
const SERVER_STARTS_MS = 5_000;
const SLOW_CALL_MS = 800;
const LEASE_REPLIES_LOST = 0.2;
/** The most processes that look at one shard at once if nothing fails: one scans, one relieves it, others were rung needlessly. */
const LOOKS_AT_ONCE_MAX = 12;

export interface TenantOptions {
  readonly seed: number;
  readonly plant?: TenantPlant;
  /** What may go wrong. Default: anything. */
  readonly troubles?: readonly Trouble[];
  readonly listen?: (line: string) => void;
}

export interface TenantResult {
  readonly violations: readonly string[];
  readonly traceHash: string;
  readonly delivered: number;
  readonly plan: Plan;
  /** How many writes a partition refused. */
  readonly throttled: number;
  /** The most processes that looked at one shard at the same time. */
  readonly looksAtOnce: number;
}

/** One history of tenants with backlogs, slow queues or dead endpoints, and of others that must not notice. */
export const simulateTenants = (options: TenantOptions): Promise<TenantResult> => new Tenants(options).play();

class Tenants {
  readonly #seed: number;
  readonly #plant: TenantPlant;
  readonly #world: World;
  readonly #plan: Plan;
  readonly #honest = new MemoryItemStore();
  readonly #objects = new MemoryObjectStore();
  readonly #table: PartitionedTable;
  readonly #items: ItemStore;
  readonly #slowTopics = new Set<string>();
  readonly #allowance: Allowance;
  readonly #timers: TimerAuditor;
  readonly #asks: AskAuditor;
  readonly #servers: Servers;
  readonly #looks: Looks;
  #scanners: Scanners | undefined;
  #rates: FaultRates = NO_FAULTS;
  /** The number of timer shards in the deployed version. */
  #shards: number | undefined;
  #over = false;
  #failure: unknown;

  constructor({ seed, plant = {}, troubles, listen }: TenantOptions) {
    this.#seed = seed;
    this.#plant = plant;
    const world = new World(new SeededRandom(seed), listen);
    this.#world = world;
    this.#plan = drawPlan(world.random, troubles);
    const { trouble, scanned } = this.#plan;
    this.#table = new PartitionedTable(this.#honest, world, { ...this.#plan, slowMs: (pk) => this.#slowMs(pk) });
    this.#allowance = new Allowance(trouble, scanned);
    const lossy = losingLeaseReplies(
      this.#table,
      world,
      () => (trouble === "lostLeases" && !this.#over ? LEASE_REPLIES_LOST : 0),
      () => this.#allowance.scannerDied(world.nowMs),
    );
    this.#items = plant.items ? plant.items(lossy, world) : lossy;
    this.#looks = new Looks(world);
    this.#servers = new Servers(world, (name) => this.#start(name), this.#fail);
    this.#timers = new TimerAuditor(this.#nowMs);
    this.#asks = new AskAuditor(this.#nowMs);
  }

  async play(): Promise<TenantResult> {
    // The set-up before any scanner looks: it takes no time, and never fails.
    const broker = await this.#outside("setup").broker;
    await this.#setUp(broker);
    let delivered: number | undefined;
    const history = async (): Promise<void> => {
      delivered = await this.#history(broker);
    };
    history().catch(this.#fail);
    await this.#world.run(() => delivered !== undefined || this.#failure !== undefined);
    if (this.#failure) throw new Error(`seed ${this.#seed} ended with an exception`, { cause: this.#failure });
    const looksAtOnce = this.#looks.atOnce;
    const crowded = this.#plan.trouble === "none" && looksAtOnce > LOOKS_AT_ONCE_MAX;
    return {
      violations: [
        ...this.#timers.violations,
        ...this.#asks.violations,
        ...(crowded ? [`L ${looksAtOnce} scanners look at one shard at once`] : []),
      ],
      traceHash: this.#world.traceHash,
      delivered: delivered ?? 0,
      plan: this.#plan,
      throttled: this.#table.throttled,
      looksAtOnce,
    };
  }

  /** Answers how many messages were delivered. */
  async #history(setUp: RunningBroker): Promise<number> {
    const { trouble, scanned, undecided, backlogs, scannersPerTick } = this.#plan;
    const { random } = this.#world;
    if (scanned !== "byServers") {
      const schedule: ScheduleFaults = { scannersPerTick, ringLost: trouble === "unheard" ? 1 : 0 };
      this.#scanners = new Scanners(
        this.#world,
        (name) => this.#start(name),
        () => schedule,
        this.#fail,
      );
    }
    const stage = this.#newStage();
    for (const backlog of backlogs) await fill(stage, setUp, backlog, this.#nowMs() + random.integer(3_000, 10_000));
    for (const one of undecided) await leaveUndecided(stage, setUp, one);
    this.#servers.startAgain(SERVER_STARTS_MS).catch(this.#fail);
    if (trouble === "wild") this.#rates = profileOf(random);
    this.#world.at(this.#world.nowMs + RUN_MS, () => {
      this.#over = true;
    });
    await Promise.all([
      ...QUIET_TOPICS.map((topic) => sendLittle(stage, topic)),
      leaveFew(stage),
      this.#deployAnew(stage),
      this.#letDie(),
    ]);
    this.#rates = NO_FAULTS;
    await this.#world.sleep(LAST_CHECKS_MS + (trouble === "none" ? 0 : TROUBLED_MS));
    await this.#drain();
    return this.#audit(await this.#outside("audit").broker);
  }

  #newStage(): TenantStage {
    const startHandler = (name: string): Handler =>
      this.#plan.scanned === "byFunction" ? this.#start(name) : this.#servers.start(name);
    return {
      world: this.#world,
      timers: this.#timers,
      asks: this.#asks,
      client: new Client(this.#world, startHandler, HANDLERS),
      nowMs: this.#nowMs,
      over: () => this.#over,
      version: () => this.#shards ?? 0,
    };
  }

  async #setUp(broker: RunningBroker): Promise<void> {
    for (const topic of QUIET_TOPICS) await broker.putTopic(topic, { type: "MIXED", queues: 2 });
    await broker.putTopic(HALF_TOPIC, { type: "TRANSACTION", queues: 4 });
    for (const { topic, queues, slow } of this.#plan.backlogs) {
      await broker.putTopic(topic, { type: "MIXED", queues });
      if (slow) this.#slowTopics.add((await broker.getTopic(topic)).uid);
    }
    const groups = [...this.#plan.undecided, { producerGroup: QUIET_PRODUCERS, maxChecks: 3 }];
    for (const { producerGroup, maxChecks } of groups)
      await broker.putProducerGroup(producerGroup, { maxChecks, url: `https://${producerGroup}.example.com/checks` });
  }

  /** Deploys a new version with more shards: every process that starts from now on has it. */
  async #deployAnew({ client }: TenantStage): Promise<void> {
    const { raisedTo } = this.#plan;
    if (raisedTo === undefined) return;
    await this.#world.sleep(this.#world.random.integer(0, RUN_MS));
    this.#shards = raisedTo;
    this.#scanners?.replace();
    client.replaceAll();
  }

  async #letDie(): Promise<void> {
    if (this.#plan.trouble !== "deaths") return;
    const { random } = this.#world;
    // Others send meanwhile, and one of them notices that nobody scans, and rings.
    for (let deaths = random.integer(1, 3); deaths > 0; deaths--) {
      await this.#world.sleep(random.integer(0, RUN_MS / 4));
      this.#allowance.scannerDied(this.#world.nowMs);
      if (!this.#scanners?.kill()) this.#servers.kill();
    }
  }

  /** Waits until all expected messages have come. */
  async #drain(): Promise<void> {
    const untilMs = this.#world.nowMs + DRAIN_MS_MAX;
    const pks = Array.from({ length: this.#plan.raisedTo ?? 4 }, (_, shard) => timersPk(shard));
    const waits = async (pk: string): Promise<boolean> =>
      (await this.#honest.query({ pk, limit: 1_000 })).items.some(({ k }) => k === "m");
    for (const pk of pks) while ((await waits(pk)) && this.#world.nowMs < untilMs) await this.#world.sleep(5_000);
  }

  async #audit(broker: RunningBroker): Promise<number> {
    const topics = [...QUIET_TOPICS, ...this.#plan.backlogs.map(({ topic }) => topic)];
    const deliveries: Delivery[] = [];
    for (const topic of topics) deliveries.push(...(await deliveriesOf(broker, topic)));
    const committed = await deliveriesOf(broker, HALF_TOPIC);
    const transactions: readonly Transaction[] = await allTransactions(broker);
    const isQuiet = (topic: string): boolean => (QUIET_TOPICS as readonly string[]).includes(topic);
    this.#timers.finish({
      deliveries,
      parked: (await broker.listParked({ limit: 1_000 })).items.map(({ messageId }) => messageId),
      latestMs: ({ topic }, dueMs) => (isQuiet(topic) ? this.#allowance.latestMs(dueMs) : Number.POSITIVE_INFINITY),
    });
    this.#asks.finish(committed, transactions, this.#allowance);
    return deliveries.length + committed.length;
  }

  /** A process beside the handlers, straight on the table. */
  #outside(name: string): Handler {
    return this.#start(name, { items: this.#honest, objects: this.#objects });
  }

  #start(name: string, others: Partial<BrokerDependencies> = {}): Handler {
    const { trouble, scanned, thoughtUnitsPerSecond } = this.#plan;
    const world = this.#world;
    const skewed = trouble === "skew" || trouble === "wild";
    const skewMs = skewed ? world.random.integer(-SKEW_MS, SKEW_MS) : 0;
    const endpoints = simulatedEndpoints(world, this.#asks, (group) => this.#mannerOf(group));
    const dependencies: Partial<BrokerDependencies> = {
      clock: frozenAtTimes(world, skewMs, () => this.#rates.freeze),
      askProducer: this.#plant.asks ? this.#plant.asks(endpoints, world) : endpoints,
      doorbell: scanned === "byServers" ? undefined : { ring: async () => this.#scanners?.ring() },
      onFailure: (error) => (StoreUnavailable.is(error) ? undefined : this.#fail(error)),
      timerShards: this.#shards,
      ...others,
    };
    return new Handler(
      name,
      world,
      { items: this.#looks.of(name, this.#items), objects: this.#objects },
      {
        skewMs,
        skewMarginMs: skewed ? 2 * SKEW_MS : 0,
        ...(trouble === "wild" && { flightMs: FLIGHT_MS }),
        settings: { timerUnitsPerSecond: thoughtUnitsPerSecond },
        rates: () => this.#rates,
        dependencies,
      },
    );
  }

  #mannerOf(producerGroup: string): Manner {
    return this.#plan.undecided.find((one) => one.producerGroup === producerGroup)?.manner ?? "prompt";
  }

  #slowMs(pk: string): number {
    return pk.startsWith("q#") && this.#slowTopics.has(pk.split("#")[1] ?? "") ? SLOW_CALL_MS : 0;
  }

  readonly #nowMs = (): number => Math.floor(this.#world.nowMs);

  readonly #fail = (error: unknown): void => {
    this.#failure ??= error;
  };
}
