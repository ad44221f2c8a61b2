import { MemoryItemStore } from "../../../adapters/memory/memory-item-store.ts";
import { MemoryObjectStore } from "../../../adapters/memory/memory-object-store.ts";
import type { RunningBroker } from "../../../core/create-broker.ts";
import { BrokerError } from "../../../core/errors.ts";
import { GROUPS_PK } from "../../../core/keys.ts";
import { StoreUnavailable } from "../../../core/ports/store-failures.ts";
import { uidOf } from "../../../core/store/uid-items.ts";
import { SeededRandom } from "../../support/seeded-random.ts";
import { WatchedStore } from "../audit/watched-store.ts";
import { DynamoDbShape, type Met } from "../dynamodb-shape.ts";
import { profileOf } from "../fault-profile.ts";
import { type FaultRates, NO_FAULTS } from "../faulty-stores.ts";
import { Handler } from "../handler.ts";
import type { Plant } from "../sabotage.ts";
import { SILENCE } from "../stage.ts";
import { World } from "../world.ts";
import { OffsetAuditor } from "./offset-auditor.ts";
import { receive, reset, send } from "./other-actors.ts";
import { pullAsMember, pullAsNobody } from "./pulling-member.ts";
import { CALL_MS, GROUP, type Stage, TOPIC } from "./stage.ts";

const SKEW_MS = 1_000;
const HANDLERS = 3;
const REPLACED = 0.01;
/** After this time all calls under way have arrived, and every lease has ended. */
const AFTERMATH_MS = 400_000;

export interface OffsetSimulationOptions {
  readonly seed: number;
  /** A bug to be found. */
  readonly plant?: Plant;
  /** Told everything that happens. */
  readonly listen?: (line: string) => void;
}

export interface OffsetSimulationResult {
  readonly violations: readonly string[];
  readonly traceHash: string;
  readonly met: OffsetAuditor["met"];
}

/** One history of consumers that pull and commit, on failing handlers; then a calm end. */
export async function simulateOffsets({ seed, plant = {}, listen }: OffsetSimulationOptions): Promise<OffsetSimulationResult> {
  const world = new World(new SeededRandom(seed), listen);
  const { random } = world;
  const auditor = new OffsetAuditor(() => world.nowMs);
  const honest = new WatchedStore(new MemoryItemStore());
  const met: Met = { conflicts: 0, throttled: 0, cutPages: 0, movedOut: 0, backlogged: 0 };
  const shape = new DynamoDbShape(honest, world, met);
  const table = seed % 2 === 0 ? shape : honest;
  const items = plant.items ? plant.items(table, random) : table;
  const stores = { items, objects: new MemoryObjectStore() };
  let rates: FaultRates = NO_FAULTS;
  const start = (name: string): Handler =>
    new Handler(name, world, stores, {
      skewMs: random.integer(-SKEW_MS, SKEW_MS),
      skewMarginMs: 2 * SKEW_MS,
      rates: () => rates,
    });
  const queues = random.pick([1, 2, 4]);
  let over = false;
  const history = async (): Promise<void> => {
    await setUp(await start("setup").broker, honest, auditor, queues);
    rates = random.chance(0.2) ? NO_FAULTS : profileOf(random);
    const endMs = world.nowMs + random.pick([300_000, 900_000]);
    const stage: Stage = {
      world,
      auditor,
      queues,
      over: () => world.nowMs >= endMs,
      ask: asking(world, auditor, start, plant),
    };
    const resets = random.chance(0.5);
    // Nobody tells it of a reset.
    const nobody = !resets && random.chance(0.4);
    await Promise.all([
      send(stage),
      ...Array.from({ length: random.pick(nobody ? [0, 1] : [1, 2, 3]) }, (_, index) => pullAsMember(stage, `c${index}`)),
      ...(resets ? [reset(stage)] : []),
      ...(nobody ? [pullAsNobody(stage)] : []),
      ...(random.chance(0.25) ? [receive(stage)] : []),
    ]);
    rates = NO_FAULTS;
    shape.calm = true;
    await world.sleep(AFTERMATH_MS);
    await endCalmly(world, await start("end").broker, auditor);
    over = true;
  };
  let failure: unknown;
  history().catch((error: unknown) => {
    failure = error;
  });
  await world.run(() => over || failure !== undefined);
  if (failure) throw new Error(`seed ${seed} ended with an exception`, { cause: failure });
  if (!over) auditor.violations.add("E", "nothing is left to happen, and somebody still waits");
  return { violations: auditor.violations.found, traceHash: world.traceHash, met: auditor.met };
}

async function setUp(broker: RunningBroker, honest: WatchedStore, auditor: OffsetAuditor, queues: number): Promise<void> {
  await broker.putTopic(TOPIC, { queues });
  await broker.putGroup(GROUP, {});
  const { subscription } = await broker.putSubscription(GROUP, TOPIC, { startFrom: "earliest" });
  const [group] = (await honest.query({ pk: GROUPS_PK, limit: 1 })).items;
  if (!group) throw new Error("the group is not stored");
  auditor.follow(subscription.uid, uidOf(group), queues);
  honest.watcher = auditor;
}

/** Each call goes to any handler, a new one for a dead one, and is given up after a while. */
function asking(world: World, auditor: OffsetAuditor, start: (name: string) => Handler, plant: Plant): Stage["ask"] {
  const handlers = Array.from({ length: HANDLERS }, (_, index) => start(`h${index}`));
  const { broker: meddle = (broker: RunningBroker) => broker } = plant;
  return (verb) => {
    const index = world.random.integer(0, HANDLERS - 1);
    if (handlers[index]?.crashed || world.random.chance(REPLACED)) handlers[index] = start(`h${index}`);
    const handler = handlers[index] as Handler;
    const answer = handler.broker
      .then((broker) => verb(meddle(broker)))
      .catch((error: unknown) => {
        if (BrokerError.is(error) && error.code !== "INTERNAL_ERROR") return error;
        if (StoreUnavailable.is(error)) handler.crash();
        else auditor.violations.add("E", String(error));
        return SILENCE;
      });
    return Promise.race([answer, world.sleep(CALL_MS).then((): typeof SILENCE => SILENCE)]);
  };
}

/** A last member gets all that is left, and commits it; what receives hold is delivered to the end. */
async function endCalmly(world: World, broker: RunningBroker, auditor: OffsetAuditor): Promise<void> {
  const { generation, assignment } = await broker.heartbeat(GROUP, "last", {});
  auditor.heard(generation);
  const heardMs = world.nowMs;
  for (const { queueId } of assignment) {
    const askedMs = world.nowMs;
    const { offset: from, maxOffset: offset } = await broker.committedOffset(GROUP, TOPIC, queueId);
    auditor.read(queueId, from, askedMs);
    const last = { by: "last", queueId, offset, from, generation, heardMs, allowRewind: false, foreign: false };
    const tried = auditor.tries(last);
    await broker.commitOffset(GROUP, TOPIC, queueId, { offset, generation, clientId: "last" });
    tried.answered(askedMs);
  }
  for (;;) {
    const messages = await broker.receiveMessages(GROUP, { max: 32, waitMs: 0 });
    if (messages.length === 0) break;
    const acks = messages.map(({ receiptHandle }) => ({ action: "ack" as const, receiptHandle }));
    await broker.settleMessages(GROUP, acks);
  }
  const { items } = await broker.groupLag(GROUP);
  if (items.some(({ lag }) => lag > 0)) auditor.violations.add("I5", "messages are left that nobody can receive");
}
