import type { RunningBroker } from "../../../core/create-broker.ts";
import { subscriptionOf } from "../../../core/group/subscription-codec.ts";
import { progressKey, subscriptionsPk } from "../../../core/keys.ts";
import type { ItemStore } from "../../../core/ports/item-store.ts";
import { StoreCorrupt } from "../../../core/ports/store-failures.ts";
import { freshProgress, progressOf } from "../../../core/progress/progress.ts";
import { REMADE_TOPIC } from "../remade.ts";
import { GROUP, TOPIC } from "../scenario.ts";
import { seenOf } from "../stage.ts";
import type { Death, StoredState } from "./auditor.ts";
import type { QueueContents } from "./log-auditor.ts";
import type { Shown } from "./seen.ts";
import type { QueueProgress } from "./sum-auditor.ts";

const PAGE = { limit: 32, maxBytes: 4_000_000, waitMs: 0 } as const;

/** Reads everything that is stored at the end. */
export async function storedState(broker: RunningBroker, items: ItemStore): Promise<StoredState> {
  return {
    queues: await queueContents(broker),
    deaths: await deaths(broker),
    openDeadLetters: await openDeadLetters(broker),
    progress: await progressOfAll(broker, items),
  };
}

async function queueContents(broker: RunningBroker): Promise<readonly QueueContents[]> {
  const { queuesEver } = await broker.getTopic(TOPIC);
  const queues: QueueContents[] = [];
  for (let queueId = 0; queueId < queuesEver; queueId++) {
    const { minOffset, maxOffset } = await broker.pullMessages(TOPIC, queueId, { from: { tail: 0 }, ...PAGE });
    queues.push({ queueId, from: minOffset, messages: await readAll(broker, queueId, minOffset, maxOffset) });
  }
  return queues;
}

/** The progress on everything that the group reads, its retry topic included. */
async function progressOfAll(broker: RunningBroker, items: ItemStore): Promise<readonly QueueProgress[]> {
  const { group } = await broker.getGroup(GROUP);
  const subscriptions = (await items.query({ pk: subscriptionsPk(group.uid), limit: 10 })).items.map(subscriptionOf);
  const { items: lags } = await broker.groupLag(GROUP);
  const progress: QueueProgress[] = [];
  for (const { topic, queues } of lags) {
    if (topic === REMADE_TOPIC) continue;
    const uid = subscriptions.find((subscription) => subscription.topic === topic)?.uid ?? "";
    for (const queue of queues) {
      const { queueId, minOffset, maxOffset } = queue;
      const item = (await items.get(progressKey(uid, queueId))) ?? freshProgress(uid, queueId, 0, 0);
      const { next, claims, deferred, messagesOut, deadLettered, expired } = progressOf(item);
      const claimed = [...claims.values()].flatMap((claim) => claim.open.map((relative) => claim.first + relative));
      const open = [...claimed, ...deferred.offsets, ...(messagesOut === 0 ? [] : [Number.NaN])];
      const main = topic === TOPIC;
      const unreadable = "unreadable" in queue ? (queue.unreadable as number) : 0;
      progress.push({ main, queueId, next, min: minOffset, max: maxOffset, open, unreadable, deadLettered, expired });
    }
  }
  return progress;
}

async function readAll(broker: RunningBroker, queueId: number, from: number, to: number): Promise<Shown[]> {
  const seen: Shown[] = [];
  for (let offset = from; offset < to; ) {
    const result = (await pull(broker, queueId, offset, PAGE.limit)) ?? (await pull(broker, queueId, offset, 1));
    // The message cannot be read. The auditor decides whether that may be so.
    if (result === undefined) offset++;
    if (result === undefined) continue;
    if (result.status === "OFFSET_ILLEGAL" || result.nextOffset === offset) break;
    seen.push(...result.messages.map(seenOf));
    offset = result.nextOffset;
  }
  return seen;
}

async function pull(broker: RunningBroker, queueId: number, offset: number, limit: number) {
  try {
    return await broker.pullMessages(TOPIC, queueId, { from: { offset }, ...PAGE, limit });
  } catch (error) {
    if (!(error instanceof StoreCorrupt)) throw error;
    return undefined;
  }
}

async function deaths(broker: RunningBroker): Promise<readonly Death[]> {
  const died: Death[] = [];
  for (let offset = 0; ; ) {
    const result = await broker.pullMessages(`%DLQ%${GROUP}`, 0, { from: { offset }, ...PAGE });
    // The first messages have expired.
    if (result.status === "OFFSET_ILLEGAL" && offset < result.minOffset) offset = result.minOffset;
    else if (result.status !== "FOUND") return died;
    if (result.status !== "FOUND") continue;
    for (const message of result.messages) {
      const { properties } = message;
      if (properties.get("DLQ_ORIGIN_TOPIC") === REMADE_TOPIC) continue;
      const place = `${properties.get("DLQ_ORIGIN_QUEUE_ID")}/${properties.get("DLQ_ORIGIN_OFFSET")}`;
      died.push({ place, body: seenOf(message).body });
    }
    offset = result.nextOffset;
  }
}

async function openDeadLetters(broker: RunningBroker): Promise<readonly string[]> {
  const bodies: string[] = [];
  for (let after: string | undefined; ; ) {
    const page = await broker.listDeadLetters(GROUP, { limit: 100, maxBytes: PAGE.maxBytes, after });
    bodies.push(...page.items.map((letter) => seenOf(letter).body));
    if (page.next === undefined) return bodies;
    after = page.next;
  }
}
