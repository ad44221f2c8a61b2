import { MemoryItemStore } from "../../adapters/memory/memory-item-store.ts";
import { MemoryObjectStore } from "../../adapters/memory/memory-object-store.ts";
import { framesObjectExpiresMs, framesPrefix, RETENTION_CLASSES_DAYS } from "../../core/keys.ts";
import type { ItemStore } from "../../core/ports/item-store.ts";
import { OBJECT_BYTES_MAX, type ObjectStore } from "../../core/ports/object-store.ts";
import { WatchedStore } from "./audit/watched-store.ts";
import { DynamoDbShape, type Met } from "./dynamodb-shape.ts";
import type { Looseness } from "./fault-profile.ts";
import { LooseReads } from "./loose-reads.ts";
import type { Plant } from "./sabotage.ts";
import type { World } from "./world.ts";

const DAY_MS = 86_400_000;
const OLD_OBJECT_DELETED = 0.3;

export interface TableOptions {
  readonly plant: Plant;
  /** Whether the table has DynamoDB's limits. */
  readonly shaped: boolean;
  readonly looseness: Looseness;
}

/** One table and its objects, as handlers see it and as it really is. */
export class SimulatedTable {
  readonly honest = new WatchedStore(new MemoryItemStore());
  readonly honestObjects = new MemoryObjectStore();
  readonly objects: ObjectStore;
  /** The same for who does not read for others. */
  readonly unreadObjects: ObjectStore;
  /** How often segments were read. */
  segmentReads = 0;
  readonly met: Met = { conflicts: 0, throttled: 0, cutPages: 0, movedOut: 0, backlogged: 0 };
  /** What handlers write to and read from. */
  readonly items: ItemStore;
  readonly #shape: DynamoDbShape;
  readonly #world: World;

  constructor(world: World, { plant, shaped, looseness }: TableOptions) {
    this.#world = world;
    this.#shape = new DynamoDbShape(this.honest, world, this.met);
    const table = new LooseReads(countingMovesOut(shaped ? this.#shape : this.honest, this.met), world, looseness);
    this.items = plant.items ? plant.items(table, world.random) : table;
    const objects = plant.objects ? plant.objects(this.honestObjects) : this.honestObjects;
    this.unreadObjects = objects;
    this.objects = {
      put: (key, bytes, options) => objects.put(key, bytes, options),
      getRange: (key, offset, length) => {
        if (key.endsWith(".seg")) this.segmentReads++;
        return objects.getRange(key, offset, length);
      },
    };
  }

  /** Stops throttling, for the final checks. */
  calm(): void {
    this.#shape.calm = true;
  }

  /** Deletes the objects whose last message has expired, as their keys say: as a disk does with their folders. */
  dropObjects(): void {
    for (const key of this.honestObjects.keys())
      if (framesObjectExpiresMs(key) <= this.#world.nowMs) this.honestObjects.lose(key);
  }

  /** Deletes objects that are older than their class says, as a bucket does: in any order. */
  dropOldObjects(): void {
    const { random, nowMs } = this.#world;
    for (const key of this.honestObjects.keys()) {
      const [, classDays, createdMs] = /^log\/r(\d+)\/\d+\/(\d+)-/.exec(key) ?? [];
      if (Number(createdMs) + Number(classDays) * DAY_MS <= nowMs && random.chance(OLD_OBJECT_DELETED))
        this.honestObjects.lose(key);
    }
  }

  /** Loses or garbles an object of the topic. Objects of dead letters are spared: they tell the auditor what died. */
  async damageObject(): Promise<void> {
    const { random } = this.#world;
    const keys = this.honestObjects.keys(framesPrefix(RETENTION_CLASSES_DAYS[0]));
    if (keys.length === 0) return;
    // The last object has hardly been read.
    const key = random.chance(0.7) ? (keys.at(-1) as string) : random.pick(keys);
    const bytes = await this.honestObjects.getRange(key, 0, OBJECT_BYTES_MAX);
    if (!bytes || random.chance(0.5)) return this.honestObjects.lose(key);
    await this.honestObjects.put(key, random.chance(0.5) ? bytes.subarray(0, bytes.length / 2) : bytes.map((byte) => byte ^ 1));
  }
}

/** Counts claims that move out of their item. A run without any proves nothing about them. */
const countingMovesOut = (items: ItemStore, met: Met): ItemStore => ({
  get: (key, options) => items.get(key, options),
  batchGet: (keys, options) => items.batchGet(keys, options),
  query: (query) => items.query(query),
  put: (item, options) => items.put(item, options),
  update: (key, changes, options) => items.update(key, changes, options),
  delete: (key, options) => items.delete(key, options),
  transact: (writes) => {
    met.movedOut += writes.filter((write) => write.kind === "put" && write.item.pk.startsWith("r#")).length;
    met.backlogged += writes.filter((write) => write.kind === "put" && write.item.pk.startsWith("w#")).length;
    return items.transact(writes);
  },
});
