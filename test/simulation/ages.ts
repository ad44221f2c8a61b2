import { indexPk, queuePk, TOPICS_PK, topicKey } from "../../core/keys.ts";
import { blockOf, storedUntilMs } from "../../core/log/block.ts";
import { EXPIRY_GUARD_SECONDS } from "../../core/log/log-limits.ts";
import type { Item } from "../../core/ports/item-store.ts";
import { StoreUnavailable } from "../../core/ports/store-failures.ts";
import { topicOf } from "../../core/topic/topic-codec.ts";
import { TOPIC } from "./scenario.ts";
import type { SimulatedTable } from "./simulated-table.ts";
import type { Stage } from "./stage.ts";
import type { World } from "./world.ts";

const HOUR_MS = 3_600_000;
const GUARD_MS = EXPIRY_GUARD_SECONDS * 1_000;
/** Longer than every lease, even of a process that was frozen for hours before it took one. */
const LEAP_MS_MIN = 20 * HOUR_MS;
/** The longest that a table takes to delete an item that it found expired, even if the item has changed meanwhile. */
const DELETION_MS_MAX = HOUR_MS / 2;
const SWEEP_MS_MAX = 2_000;
const DELETED = 0.3;
const DROP_MS = 15_000;
const DROP_PAUSE_MS_MAX = 1_200;
/** A sweep of the blocks of all queues takes longer at times. */
const DROP_STOPPED_MS_MAX = 60;

/**
 * Ages the blocks of all topics, dead letters' too: time leaps to where something is about to expire, and the table deletes what has.
 * So does the process itself, where it is alone on its store.
 */
export class Ages {
  readonly #world: World;
  readonly #table: SimulatedTable;
  readonly #sole: boolean;
  readonly #doomed = new Set<string>();

  constructor(world: World, table: SimulatedTable, sole: boolean) {
    this.#sole = sole;
    this.#world = world;
    this.#table = table;
  }

  /**
   * Leaps to just before or after the last block expires or becomes closed to writes, or its messages expire or may be deleted, or far
   * beyond.
   */
  async leap(): Promise<void> {
    const { random, nowMs } = this.#world;
    const last = (await this.#items(queuePk(...random.pick(await this.#queues())))).map(blockOf).at(-1);
    const expiresMs = (last?.expiresAtSeconds ?? 0) * 1_000;
    const keptUntilMs = (last ? storedUntilMs(last) : 0) + (await this.#retentionMs());
    const untilMs = random.pick([
      keptUntilMs - random.integer(0, 5_000),
      keptUntilMs + GUARD_MS - random.integer(0, 5_000),
      expiresMs - GUARD_MS - random.integer(0, 5_000),
      expiresMs - random.integer(0, 5_000),
      expiresMs - random.integer(0, 5_000),
      expiresMs + random.integer(0, 2 * HOUR_MS),
      expiresMs + random.integer(0, 2 * HOUR_MS),
    ]);
    await this.#world.sleep(Math.max(LEAP_MS_MIN, untilMs - nowMs));
  }

  /** Expired blocks and index items are deleted at any time, in any order, or never; and so are old objects, where a bucket does it. */
  async sweep({ over, scenario: { pace = 1 } }: Stage): Promise<void> {
    const { random } = this.#world;
    while (!over()) {
      for (const name of await this.#queues())
        for (const pk of [queuePk(...name), indexPk(...name)]) for (const item of await this.#items(pk)) this.#doom(item);
      if (!this.#sole) this.#table.dropOldObjects();
      await this.#world.sleep(random.integer(100, SWEEP_MS_MAX) * pace);
    }
  }

  /** Deletes objects and blocks as a process does that is alone on its store: now and then, at times twice at once, or only half. */
  async drop({ world, over, ask, scenario: { pace = 1 } }: Stage): Promise<void> {
    const { random } = world;
    const drop = (signal: AbortSignal) =>
      ask((broker) => broker.dropExpired(signal, () => Promise.resolve()).catch(goesOnLater), DROP_MS);
    while (!over()) {
      this.#table.dropObjects();
      const stopping = new AbortController();
      const drops = Array.from({ length: random.chance(0.2) ? 2 : 1 }, () => drop(stopping.signal));
      if (random.chance(0.3)) {
        await world.sleep(random.integer(0, DROP_STOPPED_MS_MAX));
        stopping.abort();
      }
      await Promise.all(drops);
      await world.sleep(random.integer(0, DROP_PAUSE_MS_MAX) * pace);
    }
  }

  #doom(item: Item): void {
    const { random, nowMs } = this.#world;
    const name = `${item.pk} ${item.sk}`;
    if (this.#doomed.has(name) || (item.x as number) * 1_000 > nowMs || !random.chance(DELETED)) return;
    this.#doomed.add(name);
    const delayMs = random.chance(0.5) ? random.integer(0, SWEEP_MS_MAX) : random.integer(0, DELETION_MS_MAX);
    this.#world.at(nowMs + delayMs, () => {
      this.#doomed.delete(name);
      void this.#table.honest.delete(item);
    });
  }

  async #queues(): Promise<readonly (readonly [topicUid: string, queueId: number])[]> {
    const { items } = await this.#table.honest.query({ pk: TOPICS_PK, limit: 10 });
    return items
      .map(topicOf)
      .flatMap(({ uid, queuesEver }) => Array.from({ length: queuesEver }, (_, queueId) => [uid, queueId] as const));
  }

  async #retentionMs(): Promise<number> {
    const topic = await this.#table.honest.get(topicKey(TOPIC));
    return topic ? topicOf(topic).retentionHours * HOUR_MS : 0;
  }

  async #items(pk: string): Promise<readonly Item[]> {
    return (await this.#table.honest.query({ pk, limit: 1_000 })).items;
  }
}

/** Its store did not answer: the next sweep goes on. */
function goesOnLater(error: unknown): void {
  if (!StoreUnavailable.is(error)) throw error;
}
