import { createHash } from "node:crypto";
import { SOLE_PROCESS } from "../../../../core/broker-settings.ts";
import type { RunningBroker } from "../../../../core/create-broker.ts";
import { anchorKey, indexPk, queuePk } from "../../../../core/keys.ts";
import { queueOf } from "../../../../core/log/queue.ts";
import { QueueLog } from "../../../../core/log/queue-log.ts";
import type { Item, ItemStore } from "../../../../core/ports/item-store.ts";
import type { ObjectStore } from "../../../../core/ports/object-store.ts";
import { UNBOUNDED_READING } from "../../../../core/ports/reading.ts";
import { dropRolled } from "../../../../core/roller/drop-rolled.ts";
import { type RollPass, rollQueues } from "../../../../core/roller/keep-rolling.ts";
import type { RollDependencies } from "../../../../core/roller/roller.ts";
import type { Topic } from "../../../../core/terms.ts";
import { brokerOverTable } from "../../../support/broker/broker-over-table.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";

export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
const ROLL_BYTES_MIN = 500;

export interface Stores {
  readonly items: ItemStore;
  readonly objects: ObjectStore;
}

/** What a reader sees of a queue. */
export interface Seen {
  /** By offset: id, store time and body of each message. */
  readonly messages: ReadonlyMap<number, string>;
  readonly unreadable: readonly number[];
  readonly minOffset: number;
  readonly maxOffset: number;
}

/** A broker with a topic, whose queues are rolled and dropped as a test wants it. */
export class RolledStore {
  readonly table = brokerOverTable(SOLE_PROCESS);
  readonly random: SeededRandom;
  broker!: RunningBroker;
  topic!: Topic;

  private constructor(seed: number) {
    this.random = new SeededRandom(seed);
  }

  static async open(seed: number, { queues = 1, retentionHours = 72 } = {}): Promise<RolledStore> {
    const store = new RolledStore(seed);
    store.broker = await store.table.process();
    store.topic = (await store.broker.putTopic("orders", { queues, retentionHours })).topic;
    return store;
  }

  get stores(): Stores {
    return { items: this.table.items, objects: this.table.objects };
  }

  /** Sends of one to ten messages, most of them small; some are so large that they go to objects. */
  async send(sends: number, { apartMs = 1_000, bytesMax = 600 } = {}): Promise<void> {
    for (let left = sends; left > 0; left--) {
      const large = this.random.chance(0.05);
      const bytes = (): number => (large ? 4_000 : this.random.integer(1, bytesMax));
      const messages = Array.from({ length: this.random.pick([1, 1, 8, 10]) }, () => ({ body: this.random.bytes(bytes()) }));
      await this.broker.sendMessages("orders", messages);
      // Clocks step back at times.
      this.table.pass(this.random.chance(0.1) ? -2_000 : this.random.integer(0, 2 * apartMs));
    }
  }

  /** Until what was sent is old enough to be rolled. */
  ripen(): void {
    this.table.pass(11 * MINUTE_MS);
  }

  rolling(stores: Partial<RollDependencies> = {}): RollDependencies {
    const { clock } = this.table;
    const random = new SeededRandom(this.random.bits());
    const log = this.log();
    return {
      ...this.stores,
      clock,
      random,
      log,
      settings: { rollBytesMin: ROLL_BYTES_MIN },
      reading: UNBOUNDED_READING,
      ...stores,
    };
  }

  roll(stores: Partial<RollDependencies> = {}): Promise<RollPass> {
    return rollQueues(this.rolling(stores), new AbortController().signal);
  }

  async drop({ rolled }: Pick<RollPass, "rolled">, stores: Partial<Stores> = {}): Promise<number> {
    let bytes = 0;
    for (const one of rolled.values()) {
      const dropped = await dropRolled(this.rolling(stores), one, new AbortController().signal);
      bytes += dropped?.bytes ?? 0;
    }
    return bytes;
  }

  /** Rolls all that is due, and drops all of it that may go. */
  async rollAndDrop(): Promise<void> {
    await this.roll();
    await this.drop(await this.roll());
  }

  log(stores: Stores = this.stores): QueueLog {
    return new QueueLog({ ...this.table.dependencies(), ...stores }, SOLE_PROCESS);
  }

  queue(queueId = 0) {
    return queueOf(this.topic, queueId);
  }

  /** All that a new process reads, by runs of some length. */
  async seen(queueId = 0, log = this.log()): Promise<Seen> {
    const queue = this.queue(queueId);
    const { minOffset, maxOffset } = await log.reader.bounds(queue);
    const messages = new Map<number, string>();
    const broken: number[] = [];
    const count = this.random.pick([1, 7, 60, 400]);
    const hinted = this.random.chance(0.3);
    for (let next = 0; ; ) {
      const run = await log.reader.run(queue, next, count, hinted ? await log.reader.hintFor(queue, next) : undefined);
      if (run.available === 0) break;
      const read = await log.messages(run, run.from, run.available, queue);
      for (const { offset, messageId, storedAtMs, body } of read.messages) {
        if (messages.has(offset)) throw new Error(`offset ${offset} came twice`);
        messages.set(offset, `${messageId} ${storedAtMs} ${createHash("md5").update(body).digest("hex")}`);
      }
      broken.push(...read.unreadable.map(({ offset }) => offset));
      next = run.from + run.available;
    }
    return { messages, unreadable: broken, minOffset, maxOffset };
  }

  async blocks(queueId = 0): Promise<readonly Item[]> {
    return (await this.table.items.query({ pk: queuePk(this.topic.uid, queueId), limit: 10_000 })).items;
  }

  async index(queueId = 0): Promise<readonly Item[]> {
    return (await this.table.items.query({ pk: indexPk(this.topic.uid, queueId), limit: 10_000 })).items;
  }

  async rolledTo(queueId = 0): Promise<number> {
    return ((await this.table.items.get(anchorKey(this.topic.uid, queueId)))?.rn as number | undefined) ?? 0;
  }
}
