import { freshProgress, progressOf } from "../../core/consume/progress.ts";
import { subscriptionOf } from "../../core/consume/subscription-codec.ts";
import type { RunningBroker } from "../../core/create-broker.ts";
import { progressKey, subscriptionsPk } from "../../core/keys.ts";
import type { ItemStore } from "../../core/ports/item-store.ts";
import { GROUP, seenOf, TOPIC } from "./actors.ts";
import type { Auditor, Death, QueueContents, QueueProgress, Seen } from "./auditor.ts";

const PAGE = { limit: 32, maxBytes: 4_000_000, waitMs: 0 } as const;

/** Reads everything that is stored at the end, and hands it to the auditor. `idle`: retention has ended meanwhile. */
export async function audit(broker: RunningBroker, items: ItemStore, auditor: Auditor, idle: boolean): Promise<void> {
  const queues = await queueContents(broker);
  const borders = new Map(queues.map(({ queueId, from }) => [queueId, idle ? from : 0]));
  auditor.finish({
    queues,
    deaths: await deaths(broker),
    openDeadLetters: await openDeadLetters(broker),
    progress: await progressOfAll(broker, items),
    expired: ({ queueId, offset }) => offset < (borders.get(queueId) ?? 0),
  });
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

/** Of all that the group reads, the topic of its redriven messages too. */
async function progressOfAll(broker: RunningBroker, items: ItemStore): Promise<readonly QueueProgress[]> {
  const { group } = await broker.getGroup(GROUP);
  const subscriptions = (await items.query({ pk: subscriptionsPk(group.uid), limit: 10 })).items.map(subscriptionOf);
  const { items: lags } = await broker.groupLag(GROUP);
  const progress: QueueProgress[] = [];
  for (const { topic, queues } of lags) {
    const uid = subscriptions.find((subscription) => subscription.topic === topic)?.uid ?? "";
    for (const { queueId, minOffset, maxOffset } of queues) {
      const item = (await items.get(progressKey(uid, queueId))) ?? freshProgress(uid, queueId, 0, 0);
      const { next, claims, parked, spilled, deadLettered, expired } = progressOf(item);
      const claimed = [...claims.values()].flatMap((claim) => claim.open.map((relative) => claim.first + relative));
      const open = [...claimed, ...parked.offsets, ...(spilled === 0 ? [] : [Number.NaN])];
      progress.push({ queueId, next, min: minOffset, max: maxOffset, open, deadLettered, expired });
    }
  }
  return progress;
}

async function readAll(broker: RunningBroker, queueId: number, from: number, to: number): Promise<Seen[]> {
  const seen: Seen[] = [];
  for (let offset = from; offset < to; ) {
    const result = await broker.pullMessages(TOPIC, queueId, { from: { offset }, ...PAGE });
    if (result.status === "OFFSET_ILLEGAL" || result.nextOffset === offset) break;
    seen.push(...result.messages.map(seenOf));
    offset = result.nextOffset;
  }
  return seen;
}

async function deaths(broker: RunningBroker): Promise<readonly Death[]> {
  const died: Death[] = [];
  for (let offset = 0; ; ) {
    const result = await broker.pullMessages(`%DLQ%${GROUP}`, 0, { from: { offset }, ...PAGE });
    if (result.status !== "FOUND") return died;
    for (const message of result.messages) {
      const { properties } = message;
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
