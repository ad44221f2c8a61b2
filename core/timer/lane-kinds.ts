import { BrokerError } from "../errors.ts";
import type { Topic } from "../terms.ts";
import { batchOf, type Firing, fireBatch, PARKED_TOGETHER_MAX, parkOrphaned, weightOf } from "./fire-batch.ts";
import type { LaneKind } from "./firing-lane.ts";
import { type HeldShards, isOfShards } from "./held-shards.ts";
import { clearTombstone } from "./recall.ts";
import { boundQueue, type ReadTimer } from "./route.ts";
import { Slots } from "./slots.ts";
import type { CheckTimer, MessageTimer, Tombstone } from "./timer.ts";
import {
  BATCHES_AT_ONCE,
  CHECK_BATCHES_AT_ONCE,
  CHECK_BATCHES_PER_GROUP,
  CHECKS_PER_BATCH_MAX,
  FIRED_BYTES_MAX,
  SLOT_MS,
  TIMERS_PER_BATCH_MAX,
  TOMBSTONES_PER_BATCH_MAX,
} from "./timer-limits.ts";

/** Batches under way at once to any queue of one topic. */
const ANYWHERE_AT_ONCE = 4;

/** How each kind of lane fires, within the limits that all lanes share. */
export class LaneKinds {
  readonly #firing: Firing;
  readonly #held: () => HeldShards;
  readonly #messageSlots: Slots;
  readonly #checkSlots: Slots;
  /** Bytes of messages that are unpacked in memory, and the batches that wait until there are fewer. */
  #bytes = 0;
  readonly #heavy: (() => void)[] = [];
  #fired = 0;
  #parked = 0;

  constructor(firing: Firing, held: () => HeldShards) {
    this.#firing = firing;
    this.#held = held;
    this.#messageSlots = new Slots(firing.clock, BATCHES_AT_ONCE, SLOT_MS);
    this.#checkSlots = new Slots(firing.clock, CHECK_BATCHES_AT_ONCE, SLOT_MS);
  }

  get report(): { readonly fired: number; readonly parked: number } {
    return { fired: this.#fired, parked: this.#parked };
  }

  /** Starts batches that wait for the slot of a slow one. */
  wake(): void {
    this.#messageSlots.wake();
    this.#checkSlots.wake();
  }

  /** Messages of one topic that may go to any queue, or that their priority binds to one. */
  messages({ topic, topicUid, priority }: MessageTimer): LaneKind {
    return this.#messages({ topic, topicUid }, priority === undefined ? ANYWHERE_AT_ONCE : 1);
  }

  /** Messages of message groups that go to one queue while the topic has `writeQueues` queues. */
  ordered({ topic, topicUid }: MessageTimer, writeQueues: number): LaneKind {
    return this.#messages({ topic, topicUid }, 1, writeQueues);
  }

  checks(): LaneKind {
    return {
      atOnce: CHECK_BATCHES_PER_GROUP,
      timersPerBatch: CHECKS_PER_BATCH_MAX,
      fitting: (timers) => timers.length,
      fire: (read) =>
        this.#checkSlots.run(async () => {
          const left = new Set((await this.#firing.checksDue(read.map(({ timer }) => timer as CheckTimer))).left);
          this.#fired += read.length - left.size;
          return { left: read.filter(({ timer }) => left.has(timer as CheckTimer)) };
        }),
    };
  }

  tombstones(): LaneKind {
    return {
      atOnce: 1,
      timersPerBatch: TOMBSTONES_PER_BATCH_MAX,
      fitting: (timers) => timers.length,
      fire: async (read) => {
        await Promise.all(read.map(({ timer }) => clearTombstone(this.#firing.items, timer as Tombstone)));
        return {};
      },
    };
  }

  /** Messages whose topic is unknown: it was deleted, or created a moment ago. */
  orphaned(): LaneKind {
    return {
      atOnce: 1,
      timersPerBatch: PARKED_TOGETHER_MAX,
      fitting: (timers) => timers.length,
      fire: async (read) => {
        const { parked, left } = await parkOrphaned(this.#firing, read.map(messageOf));
        this.#parked += parked;
        return { left: read.filter(({ timer }) => left.includes(timer as MessageTimer)), reroute: left.length > 0 };
      },
    };
  }

  #messages(aim: Pick<MessageTimer, "topic" | "topicUid">, atOnce: number, writeQueues?: number): LaneKind {
    const { topics } = this.#firing;
    return {
      atOnce,
      timersPerBatch: TIMERS_PER_BATCH_MAX,
      // An append costs the same for few messages as for many.
      besideFrom: TIMERS_PER_BATCH_MAX,
      fitting: (read) => batchOf(read.map(messageOf)),
      fire: (read) =>
        this.#messageSlots.run(async () => {
          const topic = await topics.lookUp(aim.topic);
          const moved = writeQueues !== undefined && topic?.writeQueues !== writeQueues;
          if (topic?.uid !== aim.topicUid || moved) return { left: read, reroute: true };
          const timers = read.map(messageOf);
          const [first] = timers;
          try {
            const bound = first && boundQueue(topic, first);
            const { fired, parked } = await this.#weighed(timers, () =>
              fireBatch(this.#firing, topic, bound ?? this.#anyQueue(topic), timers),
            );
            this.#fired += fired;
            this.#parked += parked;
            return {};
          } catch (error) {
            // Tried again until the queues of message groups have changed.
            if (!BrokerError.is(error) || error.code !== "SERVER_BUSY") throw error;
            topics.forget(aim.topic);
            return { left: read };
          }
        }),
    };
  }

  /** A queue that no other scanner appends to, if there is one. */
  #anyQueue(topic: Topic): number {
    return this.#firing.choice.choose(topic, (queueId) => isOfShards(queueId, topic.writeQueues, this.#held()));
  }

  /** Runs `work` once all unpacked batches together weigh no more than they may. */
  async #weighed<T>(batch: readonly MessageTimer[], work: () => Promise<T>): Promise<T> {
    const bytes = weightOf(batch);
    while (this.#bytes > 0 && this.#bytes + bytes > FIRED_BYTES_MAX) await new Promise<void>((wake) => this.#heavy.push(wake));
    this.#bytes += bytes;
    try {
      return await work();
    } finally {
      this.#bytes -= bytes;
      for (const wake of this.#heavy.splice(0)) wake();
    }
  }
}

const messageOf = ({ timer }: ReadTimer): MessageTimer => timer as MessageTimer;
