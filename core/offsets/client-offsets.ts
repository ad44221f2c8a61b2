import { BrokerError } from "../errors.ts";
import { clientOffsetsKey, clientOffsetsPk } from "../keys.ts";
import { BROADCASTING_CLIENTS_MAX, CLIENT_OFFSETS_LIFE_MS, COMMIT_ROUNDS_MAX } from "../limits.ts";
import type { Clock } from "../ports/clock.ts";
import type { Change, Condition, Item, ItemStore } from "../ports/item-store.ts";
import type { ConsumedQueue, ProgressQueue } from "../progress/consumed-queue.ts";
import type { OffsetCommit } from "../requests.ts";
import { everyItem } from "../store/every-item.ts";
import { type Committing, checkForward, checkWithin } from "./committed-queue.ts";

/**
 * The offsets of a client that reads all of a topic's messages for itself (RocketMQ: BROADCASTING), on all queues of the topic: one item,
 * so that they are read at once, expire at once, and can be counted. It expires CLIENT_OFFSETS_LIFE_MS after the client's last commit.
 *
 *   o#<subscription uid>  <client id>   [o<queue>] next offset of each queue · [rw] how often one went back · [x] expiry
 */
export interface ClientOffsets {
  readonly of: (queueId: number) => number | undefined;
}

interface Stores {
  readonly items: ItemStore;
  readonly clock: Clock;
}

const NONE: ClientOffsets = { of: () => undefined };

const isLive = (item: Item, nowMs: number): boolean => (item.x as number) * 1_000 > nowMs;
const attributeOf = (queueId: number): string => `o${queueId}`;

export async function readClientOffsets(
  { items, clock }: Stores,
  { subscription }: Pick<ProgressQueue, "subscription">,
  clientId: string,
): Promise<ClientOffsets> {
  const item = await items.get(clientOffsetsKey(subscription.uid, clientId));
  return item && isLive(item, clock.nowMs()) ? { of: (queueId) => offsetIn(item, queueId) } : NONE;
}

const offsetIn = (item: Item, queueId: number): number | undefined => item[attributeOf(queueId)] as number | undefined;

/** Errors: PRECONDITION_FAILED, OFFSET_ILLEGAL, QUOTA_EXCEEDED, TOO_MANY_REQUESTS. */
export async function commitForClient(
  committing: Committing,
  queue: ConsumedQueue,
  clientId: string,
  { offset, allowRewind }: OffsetCommit,
): Promise<void> {
  const { items, clock } = committing;
  const { subscription, queueId } = queue;
  const key = clientOffsetsKey(subscription.uid, clientId);
  for (let round = 0; round < COMMIT_ROUNDS_MAX; round++) {
    const stored = await items.get(key);
    const nowMs = clock.nowMs();
    const item = stored && isLive(stored, nowMs) ? stored : undefined;
    const committed = item && offsetIn(item, queueId);
    if (committed !== undefined) checkForward(queueId, committed, offset, allowRewind);
    if (committed === undefined || offset > committed) await checkWithin(committing, queue, offset);
    const expiresAt = Math.ceil((nowMs + CLIENT_OFFSETS_LIFE_MS) / 1_000);
    if (!item) {
      await checkRoom(committing, queue);
      const first = { ...key, [attributeOf(queueId)]: offset, rw: 0, x: expiresAt };
      if ((await items.put(first, { when: [asRead(stored, "x")] })).ok) return;
      continue;
    }
    const changes: Change[] = [
      { op: "set", name: attributeOf(queueId), value: offset },
      { op: "set", name: "x", value: expiresAt },
    ];
    // A commit that was on its way when the client went back changes nothing any more.
    if (committed !== undefined && offset < committed) changes.push({ op: "increment", name: "rw", by: 1 });
    const when = [asRead(item, attributeOf(queueId)), asRead(item, "rw")];
    if ((await items.update(key, changes, { when })).ok) return;
  }
  throw new BrokerError("TOO_MANY_REQUESTS", `Client '${clientId}' commits queue ${queueId} many times at once. Try again.`);
}

const asRead = (item: Item | undefined, name: string): Condition => {
  const value = item?.[name];
  return value === undefined ? { op: "absent", name } : { op: "=", name, value };
};

/** Errors: QUOTA_EXCEEDED. */
async function checkRoom({ items, clock }: Stores, { group, topic, subscription }: ConsumedQueue): Promise<void> {
  const nowMs = clock.nowMs();
  let live = 0;
  for await (const item of everyItem(items, { pk: clientOffsetsPk(subscription.uid), limit: BROADCASTING_CLIENTS_MAX }))
    if (isLive(item, nowMs)) live++;
  if (live < BROADCASTING_CLIENTS_MAX) return;
  throw new BrokerError(
    "QUOTA_EXCEEDED",
    `${BROADCASTING_CLIENTS_MAX} clients of group '${group.name}' keep offsets of their own on topic '${topic.name}', the most there can ` +
      "be. They are kept for 24 hours after a client's last commit.",
  );
}
