import type { BrokerError } from "../errors.ts";
import type { SubscriptionRegistry } from "../group/subscription-registry.ts";
import type { ConsumedQueue } from "../progress/consumed-queue.ts";
import type { Consumption } from "../progress/consumption.ts";
import { deliveryKey } from "../progress/held.ts";
import { leaseLost } from "../progress/held-claim.ts";
import { makeSpace } from "../progress/make-space.ts";
import type { SettleEntry, SettleResult } from "../requests.ts";
import { asBrokerError } from "../store/store-errors.ts";
import type { Backoff } from "../terms.ts";
import { consumerLane } from "../wake/arrivals.ts";
import { ackMessages } from "./ack-messages.ts";
import { type Changed, changeLease, type LeaseChange } from "./change-lease.ts";
import { deadLetterHeld } from "./dead-letter-held.ts";
import { invalidHandle, type ReceiptHandle } from "./receipt-handle.ts";

type Settling = Consumption & { readonly subscriptions: SubscriptionRegistry };

/** An entry being settled: its handle, its queue, and at the end its result. */
interface Task {
  readonly entry: SettleEntry;
  readonly handle: ReceiptHandle;
  readonly queue: ConsumedQueue;
  result: SettleResult | undefined;
}

/**
 * Acks, gives back, extends or dead-letters messages of a group, each by the handle of its delivery. Answers one result per entry, in
 * order. A nack after the last attempt dead-letters the message, and its result says so.
 *
 * Errors, per entry: INVALID_RECEIPT_HANDLE, LEASE_LOST, MESSAGE_EXPIRED, STORE_CORRUPT, STORE_UNAVAILABLE. Idempotent while the lease
 * runs.
 * Source: RocketMQ AckMessage, ChangeInvisibleDuration, ForwardMessageToDeadLetterQueue; invariants I4, I5.
 */
export async function settleMessages(
  settling: Settling,
  groupName: string,
  entries: readonly SettleEntry[],
): Promise<readonly SettleResult[]> {
  const group = await settling.subscriptions.groups.resolve(groupName);
  const resolve = queueResolver(settling, group);
  const results: SettleResult[] = [];
  const tasks = new Map<number, Task>();
  for (const [index, entry] of entries.entries()) {
    try {
      const handle = settling.handles.read(entry.receiptHandle);
      tasks.set(index, { entry, handle, queue: await resolve(handle), result: undefined });
    } catch (error) {
      results[index] = failure(entry, asBrokerError(error));
    }
  }
  const queues = groupBy([...tasks.values()], ({ handle }) => `${handle.subscriptionUid}/${handle.queueId}`);
  await Promise.all([...queues.values()].map((ofQueue) => settleQueue(settling, ofQueue)));
  for (const [index, task] of tasks) results[index] = task.result ?? failure(task.entry, leaseLost());
  return results;
}

/** Finds a handle's queue. The handles of one call belong to few queues, so results are kept. */
function queueResolver(settling: Settling, group: ConsumedQueue["group"]) {
  const found = new Map<string, Promise<ConsumedQueue>>();
  const find = async (handle: ReceiptHandle): Promise<ConsumedQueue> => {
    const named = async () => (await settling.subscriptions.resolveAll(group)).find(({ uid }) => uid === handle.subscriptionUid);
    let subscription = await named();
    if (!subscription) {
      // Another process may have just made the subscription.
      settling.subscriptions.forget(group.uid);
      subscription = await named();
    }
    const topic = subscription && (await settling.topics.lookUp(subscription.topic));
    if (!subscription || topic?.uid !== subscription.topicUid) throw leaseLost();
    return { group, subscription, topic, queueId: handle.queueId, filter: settling.filters.of(subscription) };
  };
  return (handle: ReceiptHandle): Promise<ConsumedQueue> => {
    if (handle.groupUid !== group.uid) throw invalidHandle();
    const key = `${handle.subscriptionUid}/${handle.queueId}`;
    const queue = found.get(key) ?? find(handle);
    found.set(key, queue);
    return queue;
  };
}

async function settleQueue(settling: Settling, tasks: readonly Task[]): Promise<void> {
  await settleOrFail(
    tasks.filter(({ entry }) => entry.action === "ack"),
    (acks) => settleAcks(settling, acks),
  );
  const kept = tasks.filter(({ entry, handle, queue }) => {
    if (entry.action === "extend") return true;
    return entry.action === "nack" && !(entry.countAttempt !== false && isLastAttempt(handle, queue));
  });
  // Dead-letters come first: else messages given back by this call could come again together with them.
  for (const task of tasks) {
    if (task.entry.action === "ack" || kept.includes(task)) continue;
    await settleOrFail([task], async () => {
      await deadLetterHeld(settling, task.queue, task.handle, task.entry);
      task.result = { status: "deadLettered", receiptHandle: task.entry.receiptHandle };
      ringForOrdered(settling, [task]);
    });
  }
  for (const together of groupBy(kept, (task) => `${deliveryKey(task.handle)}/${changeName(task)}`).values()) {
    await settleOrFail(together, () => changeTogether(settling, together));
  }
  const [given] = kept.filter((task) => leaseChange(task).kind === "giveBack");
  // Without this, many nacks with no receive in between would fill the item.
  const progress = given && settling.progressStore.recent(given.queue);
  if (progress) await makeSpace(settling, given.queue, progress);
}

/** An ordered claim counts the attempts of one message: those of the messages behind it have not begun. */
const isLastAttempt = ({ held: { attempt, order }, relativeOffset }: ReceiptHandle, { group }: ConsumedQueue): boolean =>
  attempt >= group.maxAttempts && (order === undefined || order.head === relativeOffset);

/** A failing store fails these entries only, not the others. */
async function settleOrFail(tasks: readonly Task[], settle: (tasks: readonly Task[]) => Promise<void>): Promise<void> {
  if (tasks.length === 0) return;
  try {
    await settle(tasks);
  } catch (error) {
    const answer = asBrokerError(error);
    for (const task of tasks) task.result ??= failure(task.entry, answer);
  }
}

async function settleAcks(settling: Settling, tasks: readonly Task[]): Promise<void> {
  const [first] = tasks;
  if (!first) return;
  const answers = await ackMessages(
    settling,
    first.queue,
    tasks.map(({ handle }) => handle),
  );
  for (const task of tasks) {
    const settled = answers.get(task.handle) === "settled";
    task.result = settled ? { status: "acked", receiptHandle: task.entry.receiptHandle } : failure(task.entry, leaseLost());
  }
  ringForOrdered(settling, tasks);
}

/** Settling an ordered message frees those that wait behind it. */
function ringForOrdered({ arrivals }: Settling, tasks: readonly Task[]): void {
  const [freeing] = tasks.filter(({ handle }) => handle.held.order !== undefined);
  if (freeing) arrivals.ring(consumerLane(freeing.queue.subscription.uid), freeing.queue.queueId);
}

/** Equal nacks, and equal extends, of one delivery share one update. */
function changeName({ entry }: Task): string {
  if (entry.action === "extend") return `extend/${entry.leaseMs}/${entry.mayShorten ?? false}/${entry.countAttempt ?? true}`;
  return entry.action === "nack" ? `nack/${entry.delayMs ?? "backoff"}/${entry.countAttempt ?? true}` : "";
}

async function changeTogether(settling: Settling, tasks: readonly Task[]): Promise<void> {
  const [first] = tasks;
  if (!first) return;
  const change = leaseChange(first);
  const answers = await changeLease(
    settling,
    first.queue,
    tasks.map(({ handle }) => handle),
    change,
  );
  for (const task of tasks) {
    const changed = answers.get(task.handle);
    task.result =
      changed === undefined || changed === "lost" ? failure(task.entry, leaseLost()) : changedResult(settling, task, changed);
  }
  // Waiting receives expect the messages when they were due before.
  if (change.kind !== "extend") settling.arrivals.ring(consumerLane(first.queue.subscription.uid), first.queue.queueId);
}

function leaseChange({ entry, handle, queue }: Task): LeaseChange {
  if (entry.action === "extend") {
    const { leaseMs, mayShorten, countAttempt = true } = entry;
    if (!mayShorten) return { kind: "extend", leaseMs };
    // Nobody can hold a message for no time.
    return leaseMs === 0 ? { kind: "giveBack", delayMs: 0, countAttempt } : { kind: "reset", leaseMs, countAttempt };
  }
  const nack = entry.action === "nack" ? entry : undefined;
  const delayMs = nack?.delayMs ?? backoffMs(queue.group.backoff, handle.held.attempt);
  return { kind: "giveBack", delayMs, countAttempt: nack?.countAttempt ?? true };
}

function changedResult(settling: Settling, { entry, handle }: Task, changed: Changed): SettleResult {
  if (entry.action !== "extend") return { status: "nacked", receiptHandle: entry.receiptHandle };
  const held = { ...handle.held, ...changed };
  const newReceiptHandle = settling.handles.forDelivery({ ...handle, held })(handle.relativeOffset);
  return {
    status: "extended",
    receiptHandle: entry.receiptHandle,
    newReceiptHandle,
    leaseUntilMs: settling.clock.wallMs(changed.dueMs),
  };
}

const failure = ({ receiptHandle }: SettleEntry, error: BrokerError): SettleResult => ({ status: "error", receiptHandle, error });

function groupBy<T>(all: readonly T[], keyOf: (value: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const value of all) {
    const key = keyOf(value);
    const group = groups.get(key);
    if (group) group.push(value);
    else groups.set(key, [value]);
  }
  return groups;
}

const SECOND_MS = 1_000;

/** How long a message waits after its `attempt`-th delivery failed. A list's last step repeats. */
export function backoffMs(backoff: Backoff, attempt: number): number {
  if (!("initialSeconds" in backoff)) return (backoff[Math.min(attempt, backoff.length) - 1] ?? 0) * SECOND_MS;
  const { initialSeconds, multiplier, maxSeconds } = backoff;
  return Math.min(maxSeconds, initialSeconds * multiplier ** (attempt - 1)) * SECOND_MS;
}
