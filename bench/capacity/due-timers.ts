import type { RunningBroker } from "../../core/create-broker.ts";
import { timersPk } from "../../core/keys.ts";
import { DETACHED_INLINE_BYTES_MAX } from "../../core/log/log-limits.ts";
import type { ItemStore } from "../../core/ports/item-store.ts";
import { type MessageTimer, messageTimerItem, shardOf, timerOf } from "../../core/timer/timer.ts";
import { SeededRandom } from "../../test/support/seeded-random.ts";
import { jsonBodies } from "../bodies.ts";

/** The timers that are due. */
export interface DueTimers {
  readonly count: number;
  readonly body: "JSON" | "random";
  readonly bytes: number;
  readonly topics: number;
  /** Queues of each topic. Default 4. */
  readonly queues?: number;
  /** The message group of all of them, in one topic. */
  readonly messageGroup?: string;
  /** The hash of each one's message group, instead of that group's. */
  readonly groupHash?: (at: number) => number;
  readonly dueMs: (at: number) => number;
}

const QUEUES_DEFAULT = 4;
/** How many different bodies each topic has. */
const BODIES = 100;
/** The noise from which bodies are cut, each at its own place. */
const NOISE_BYTES = 65_536;
const NOISE_STEP = 1_009;
const PUTS_AT_ONCE = 32;
const YEAR_MS = 365 * 86_400_000;
const TIME_DIGITS = 12;
const ID_DIGITS = 32;

/**
 * Puts timers into the table in the form that sends leave: some are sent, and copied under other ids and due times. Timers of message
 * groups are in their group's shard; all others are spread evenly. Those in the object store are all sent, since each has its own
 * object.
 */
export async function fillDueTimers(items: ItemStore, broker: RunningBroker, shards: number, due: DueTimers): Promise<void> {
  for (let topic = 0; topic < due.topics; topic++)
    await broker.putTopic(topicOf(topic), { type: "MIXED", queues: due.queues ?? QUEUES_DEFAULT });
  return due.bytes > DETACHED_INLINE_BYTES_MAX ? sendAll(broker, due) : copyAll(items, broker, shards, due);
}

const topicOf = (topic: number): string => `orders${topic}`;

/** Sends each by itself, because messages of one call would share an object. */
async function sendAll(broker: RunningBroker, due: DueTimers): Promise<void> {
  const noise = new SeededRandom(5).bytes(2 * NOISE_BYTES);
  for (let at = 0; at < due.count; at++) {
    const body = noise.subarray((at * NOISE_STEP) % NOISE_BYTES).subarray(0, due.bytes);
    const { messageGroup } = due;
    const message = { body, deliverAtMs: due.dueMs(at), ...(messageGroup !== undefined && { messageGroup }) };
    const [receipt] = await broker.sendMessages(topicOf(Math.floor(at / BODIES) % due.topics), [message]);
    if (!receipt || !("recallHandle" in receipt)) throw receipt;
  }
}

async function copyAll(items: ItemStore, broker: RunningBroker, shards: number, due: DueTimers): Promise<void> {
  const random = new SeededRandom(3);
  const models: (readonly MessageTimer[])[] = [];
  for (let topic = 0; topic < due.topics; topic++) models.push(await sent(items, broker, shards, topicOf(topic), due));
  const puts: Promise<unknown>[] = [];
  for (let at = 0; at < due.count; at++) {
    const ofTopic = models[Math.floor(at / BODIES) % models.length]!;
    const model = ofTopic[at % ofTopic.length]!;
    const groupHash = due.groupHash?.(at) ?? model.groupHash;
    const shard = groupHash === undefined ? random.integer(0, shards - 1) : shardOf(groupHash);
    puts.push(items.put(messageTimerItem({ ...model, shard, groupHash, dueMs: due.dueMs(at), id: newId(model.id, random) })));
    if (puts.length === PUTS_AT_ONCE) await Promise.all(puts.splice(0));
  }
  await Promise.all(puts);
}

async function sent(
  items: ItemStore,
  broker: RunningBroker,
  shards: number,
  topic: string,
  { body, bytes, messageGroup }: DueTimers,
): Promise<readonly MessageTimer[]> {
  const random = new SeededRandom(4);
  const bodies = body === "JSON" ? jsonBodies(BODIES, bytes).map((text) => Buffer.from(text)) : undefined;
  const entries = Array.from({ length: BODIES }, (_, at) => ({
    body: bodies?.[at] ?? random.bytes(bytes),
    delayMs: YEAR_MS,
    ...(messageGroup !== undefined && { messageGroup }),
  }));
  for (const receipt of await broker.sendMessages(topic, entries)) if (!("recallHandle" in receipt)) throw receipt;
  const timers: MessageTimer[] = [];
  for (let shard = 0; shard < shards; shard++) {
    const page = await items.query({ pk: timersPk(shard), limit: 2 * BODIES });
    for (const item of page.items) {
      const timer = timerOf(item);
      if (timer.kind !== "message" || timer.topic !== topic) continue;
      timers.push(timer);
      await items.delete(item);
    }
  }
  return timers;
}

function newId(model: string, random: SeededRandom): string {
  let id = model.slice(0, TIME_DIGITS);
  while (id.length < ID_DIGITS) id += random.bits().toString(16).padStart(8, "0");
  return id.slice(0, ID_DIGITS).toUpperCase();
}
