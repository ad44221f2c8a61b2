import type { RunningBroker } from "../../../core/create-broker.ts";
import type { SettleEntry } from "../../../core/requests.ts";
import type { MessageInput, ReceivedMessage, ScheduledReceipt, StoredReceipt } from "../../../core/terms.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

const HOUR_MS = 3_600_000;
/** Of the smallest message that goes to the object store though it is packed. */
const LARGE_BYTES = 12_000;
const FAILING = 40;
const HALF = { producerGroup: "cashier", checkAfterMs: 40 * HOUR_MS };

/** What a version left behind, for another to find. */
export interface Left {
  readonly nowMs: number;
  /** Handles of messages that are held: of `orders`, of `parcels` in order, and by an attempt. */
  readonly held: readonly string[];
  readonly heldInOrder: readonly string[];
  readonly heldByAttempt: readonly string[];
  readonly recallHandle: string;
  readonly prepared: string;
}

const text = (body: string): Uint8Array => Buffer.from(body);
const textOf = ({ body }: { readonly body: Uint8Array }): string => Buffer.from(body).toString();
const large = (seed: number): Uint8Array =>
  Buffer.from(Buffer.from(new SeededRandom(seed).bytes(LARGE_BYTES)).toString("base64"));

async function take(broker: RunningBroker, group: string, max: number, attemptId?: string): Promise<readonly ReceivedMessage[]> {
  return broker.receiveMessages(group, { max, waitMs: 0, leaseMs: HOUR_MS, attemptId });
}

const nacks = (messages: readonly ReceivedMessage[], delayMs: number): readonly SettleEntry[] =>
  messages.map(({ receiptHandle }) => ({ action: "nack", receiptHandle, delayMs }));

/** Brings a store into every state that a version can leave one in. */
export async function leave(broker: RunningBroker, clock: { nowMs(): number }): Promise<Left> {
  const send = (topic: string, entries: readonly MessageInput[]) => broker.sendMessages(topic, entries);
  await broker.putTopic("orders", { queues: 1, retentionHours: 48 });
  await broker.putTopic("failing", { queues: 1, retentionHours: 48 });
  await broker.putTopic("parcels", { type: "FIFO", queues: 1, retentionHours: 48 });
  await broker.putTopic("reminders", { type: "DELAY", queues: 1, retentionHours: 48 });
  await broker.putTopic("payments", { type: "TRANSACTION", queues: 1, retentionHours: 48 });
  for (const [group, topic] of [
    ["billing", "orders"],
    ["retrying", "failing"],
    ["shipping", "parcels"],
    ["reminding", "reminders"],
    ["paying", "payments"],
  ] as const) {
    await broker.putGroup(group, { leaseSeconds: 60, maxAttempts: group === "paying" ? 1 : 17 });
    await broker.putSubscription(group, topic, { startFrom: "earliest" });
  }
  // Small, packed and large ones.
  for (let seed = 1; seed <= 3; seed++) await send("orders", [{ body: large(seed), keys: [`large-${seed}`] }]);
  await send("orders", [{ body: text("packed ".repeat(1_000)), tag: "packed" }]);
  await send(
    "orders",
    Array.from({ length: 6 }, (_, index) => ({ body: text(`small ${index}`) })),
  );
  await send("orders", [{ body: text("once"), once: { kind: "key", key: "once", windowMs: 24 * HOUR_MS } }]);
  await send("orders", [{ body: text("sequence 0"), once: { kind: "sequence", producerId: "p", sequence: 0 } }]);
  const held = await take(broker, "billing", 2);
  const heldByAttempt = await take(broker, "billing", 2, "attempt-1");
  // So many wait that some of them leave the progress item.
  await send(
    "failing",
    Array.from({ length: FAILING }, (_, index) => ({ body: text(`failing ${index}`) })),
  );
  for (let index = 0; index < FAILING; index++)
    await broker.settleMessages("retrying", nacks(await take(broker, "retrying", 1), HOUR_MS + index * 1_000));
  await send("failing", [{ body: text("new") }]);
  await broker.settleMessages("retrying", nacks(await take(broker, "retrying", 1), HOUR_MS));
  // One message group is held, one waits after a nack, and what comes behind them is parked.
  for (let index = 0; index < 4; index++)
    await send(
      "parcels",
      ["a", "b"].map((messageGroup) => ({ body: text(`${messageGroup}${index}`), messageGroup })),
    );
  const [a] = await take(broker, "shipping", 1);
  const [b] = await take(broker, "shipping", 1);
  await broker.settleMessages("shipping", nacks([b as ReceivedMessage], HOUR_MS));
  await take(broker, "shipping", 1);
  const [reminder] = (await send("reminders", [{ body: text("later"), delayMs: 2 * HOUR_MS }])) as [ScheduledReceipt];
  await send("reminders", [{ body: text("soon"), delayMs: HOUR_MS }]);
  const prepared = await broker.sendHalfMessage("payments", { body: text("prepared") }, HALF);
  const committed = await broker.sendHalfMessage("payments", { body: text("committed") }, HALF);
  await broker.endTransaction(committed.transactionId, "commit");
  const [payment] = await take(broker, "paying", 1);
  await broker.settleMessages("paying", nacks([payment as ReceivedMessage], 0));
  const handlesOf = (messages: readonly (ReceivedMessage | undefined)[]) => messages.flatMap((one) => one?.receiptHandle ?? []);
  return {
    nowMs: clock.nowMs(),
    held: handlesOf(held),
    heldByAttempt: handlesOf(heldByAttempt),
    heldInOrder: handlesOf([a]),
    recallHandle: reminder.recallHandle,
    prepared: prepared.transactionId,
  };
}

/** Goes on with what was left, and tells what came of it. */
export async function goOn(broker: RunningBroker, left: Left, pass: (ms: number) => void) {
  const settle = async (group: string, entries: readonly SettleEntry[]) =>
    (await broker.settleMessages(group, entries)).map((result) =>
      result.status === "error" ? result.error.code : result.status,
    );
  const acks = (handles: readonly string[]): readonly SettleEntry[] =>
    handles.map((receiptHandle) => ({ action: "ack", receiptHandle }));
  const drain = async (group: string): Promise<readonly string[]> => {
    const all: ReceivedMessage[] = [];
    for (;;) {
      const messages = await broker.receiveMessages(group, { max: 32, waitMs: 0 });
      if (messages.length === 0) return all.map(textOf);
      all.push(...messages);
      await settle(group, acks(messages.map(({ receiptHandle }) => receiptHandle)));
    }
  };
  const extended = await settle("billing", [{ action: "extend", receiptHandle: left.held[0] as string, leaseMs: HOUR_MS }]);
  const acked = [
    ...(await settle("billing", acks([...left.held, ...left.heldByAttempt.slice(0, 1)]))),
    ...(await settle("shipping", acks(left.heldInOrder))),
  ];
  const repeated = await broker.receiveMessages("billing", { max: 2, waitMs: 0, attemptId: "attempt-1" });
  const again = await broker.sendMessages("orders", [
    { body: text("once"), once: { kind: "key", key: "once", windowMs: 24 * HOUR_MS } },
  ]);
  const sequence = await broker.sendMessages("orders", [
    { body: text("sequence 0"), once: { kind: "sequence", producerId: "p", sequence: 0 } },
  ]);
  await broker.cancelMessage("reminders", left.recallHandle);
  const state = (await broker.endTransaction(left.prepared, "commit")).state;
  const parcels = await drain("shipping");
  pass(2 * HOUR_MS);
  await broker.scan({ untilMs: left.nowMs + 4 * HOUR_MS });
  return {
    extended,
    acked,
    repeated: repeated.map(textOf).map((body) => body.slice(0, 8)),
    duplicates: [...again, ...sequence].map((receipt) => (receipt as StoredReceipt).duplicate),
    state,
    parcels: [...parcels, ...(await drain("shipping"))],
    orders: (await drain("billing")).map((body) => (body.length > 10_000 ? "large" : body.slice(0, 8))),
    failing: (await drain("retrying")).toSorted(),
    reminders: await drain("reminding"),
    payments: await drain("paying"),
    deadLetters: (await broker.listDeadLetters("paying", { limit: 10, maxBytes: 10_000 })).items.map(textOf),
    lag: (await Promise.all(["billing", "retrying", "shipping", "reminding", "paying"].map((group) => broker.groupLag(group))))
      .flatMap(({ items }) => items)
      .map(({ lag }) => lag),
  };
}
