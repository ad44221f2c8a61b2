import { queuePk } from "../../core/keys.ts";
import { blockOf } from "../../core/log/block.ts";
import { EXPIRY_GUARD_SECONDS } from "../../core/log/log-limits.ts";
import type { Item } from "../../core/ports/item-store.ts";
import type { SimulatedTable } from "./simulated-table.ts";
import type { World } from "./world.ts";

const HOUR_MS = 3_600_000;
const GUARD_MS = EXPIRY_GUARD_SECONDS * 1_000;
/** Past every lease. */
const LEAP_MS_MIN = 26 * HOUR_MS;
/** A table that found an item expired deletes it within so long, whatever became of it meanwhile. */
const DELETION_MS_MAX = HOUR_MS / 2;
const SWEEP_MS_MAX = 2_000;
const DELETED = 0.3;

/** What age does to a topic's blocks: time passes in leaps, to where something is about to expire, and the table deletes what has. */
export class Ages {
  readonly #world: World;
  readonly #table: SimulatedTable;
  readonly #topicUid: string;
  readonly #queues: number;
  readonly #doomed = new Set<string>();

  constructor(world: World, table: SimulatedTable, topic: { readonly uid: string; readonly queuesEver: number }) {
    this.#world = world;
    this.#table = table;
    this.#topicUid = topic.uid;
    this.#queues = topic.queuesEver;
  }

  /** To just before or after the last block expires, or must no longer be written to; or to long after. */
  async leap(): Promise<void> {
    const { random, nowMs } = this.#world;
    const blocks = (await this.#blocks(random.integer(0, this.#queues - 1))).map(blockOf);
    const expiresMs = (blocks.at(-1)?.expiresAtSeconds ?? 0) * 1_000;
    const untilMs = random.pick([
      expiresMs - GUARD_MS - random.integer(0, 5_000),
      expiresMs - random.integer(0, 5_000),
      expiresMs + random.integer(0, 2 * HOUR_MS),
      expiresMs + random.integer(0, 2 * HOUR_MS),
    ]);
    await this.#world.sleep(Math.max(LEAP_MS_MIN, untilMs - nowMs));
  }

  /** Expired blocks are deleted at any time, in any order, or never. */
  async sweep(over: () => boolean): Promise<void> {
    const { random } = this.#world;
    while (!over()) {
      for (let queueId = 0; queueId < this.#queues; queueId++) for (const item of await this.#blocks(queueId)) this.#doom(item);
      await this.#world.sleep(random.integer(100, SWEEP_MS_MAX));
    }
  }

  #doom(item: Item): void {
    const { random, nowMs } = this.#world;
    if (this.#doomed.has(item.sk) || (item.x as number) * 1_000 > nowMs || !random.chance(DELETED)) return;
    this.#doomed.add(item.sk);
    const delayMs = random.chance(0.5) ? random.integer(0, SWEEP_MS_MAX) : random.integer(0, DELETION_MS_MAX);
    this.#world.at(nowMs + delayMs, () => {
      this.#doomed.delete(item.sk);
      void this.#table.honest.delete(item);
    });
  }

  async #blocks(queueId: number): Promise<readonly Item[]> {
    const page = await this.#table.honest.query({ pk: queuePk(this.#topicUid, queueId), limit: 1_000 });
    return page.items;
  }
}
