import type { RunningBroker } from "../../core/create-broker.ts";
import { BrokerError } from "../../core/errors.ts";
import type { MessageInput } from "../../core/terms.ts";
import { SCAN_TICK_MS } from "../../core/timer/timer-limits.ts";
import { BODY_BYTES, type Body, bodiesOf, type Operation, TOPIC } from "./operation.ts";

/** So late that no scanner is rung. */
const DELAY_MS = 3_600_000;
const BRIEF_MS = 30_000;
const BURST_BATCH = 100;
const PRODUCER_GROUP = "payments";
const CHECK_AFTER_MS = 6_000;

async function sendAll(broker: RunningBroker, messages: readonly MessageInput[]): Promise<void> {
  for (const result of await broker.sendMessages(TOPIC, messages)) if (BrokerError.is(result)) throw result;
}

/** A run of the scanner, which must fire exactly `fired`. */
async function scanOnce(broker: RunningBroker, nowMs: number, fired: number): Promise<void> {
  const report = await broker.scan({ untilMs: nowMs + 500 });
  if (report.fired !== fired) throw new Error(`fired ${report.fired} of ${fired}`);
}

/** From the send to the queue. The messages have one due time. */
export const delayed = (count: number, body: Body, bytes = BODY_BYTES): Operation => ({
  name: `delayed ${count} × ${bytes} B of ${body === "JSON" ? "JSON" : "random bytes"}: sent one by one, and delivered`,
  messages: count,
  queues: 1,
  topicType: "MIXED",
  waitMs: DELAY_MS,
  once: true,
  async prepare(_other, measured, pass, nowMs) {
    const bodies = bodiesOf(body, count, bytes);
    await sendAll(
      measured,
      bodiesOf("JSON", 1).map((one) => ({ body: one })),
    );
    return async (broker) => {
      const deliverAtMs = nowMs() + DELAY_MS;
      for (const one of bodies) await sendAll(broker, [{ body: one, deliverAtMs }]);
      await pass(deliverAtMs - nowMs());
      await scanOnce(broker, nowMs(), count);
    };
  },
});

/** Due before the next tick, so the sender checks whether a scanner will find it. Sent alone; nobody scans. */
export const delayedBriefly: Operation = {
  name: "delayed 1 × 1000 B of JSON for 30 s: sent",
  messages: 1,
  queues: 1,
  topicType: "MIXED",
  prepare: async () => {
    const [body] = bodiesOf("JSON", 1);
    if (!body) throw new Error("no body");
    return (broker) => sendAll(broker, [{ body, delayMs: BRIEF_MS }]);
  },
};

/** Measured from the moment they are due. */
export const burst = (count: number): Operation => ({
  name: `burst of ${count.toLocaleString("en-US")} × ${BODY_BYTES} B of JSON that fall due at once, delivered`,
  messages: count,
  queues: 4,
  topicType: "MIXED",
  once: true,
  async prepare(other, measured, pass, nowMs) {
    const bodies = bodiesOf("JSON", BURST_BATCH);
    await sendAll(measured, [{ body: bodies[0] ?? new Uint8Array() }]);
    const deliverAtMs = nowMs() + DELAY_MS;
    for (let sent = 0; sent < count; sent += bodies.length)
      await sendAll(
        other,
        bodies.map((body) => ({ body, deliverAtMs })),
      );
    await pass(deliverAtMs - nowMs());
    return (broker) => scanOnce(broker, nowMs() + SCAN_TICK_MS, count);
  },
});

/** Something is due soon, so the scanner stays: it looks, and holds its leases. */
export const awakeMinute: Operation = {
  name: "a minute of the scanner awake, nothing due",
  messages: 1,
  queues: 1,
  topicType: "MIXED",
  once: true,
  async prepare(other, _measured, _pass, nowMs) {
    const [body] = bodiesOf("JSON", 1);
    if (!body) throw new Error("no body");
    await sendAll(other, [{ body, deliverAtMs: nowMs() + SCAN_TICK_MS + 10_000 }]);
    return (broker) => broker.scan({ untilMs: nowMs() + SCAN_TICK_MS });
  },
};

export const cancelling: Operation = {
  name: "cancel a delayed message",
  messages: 1,
  queues: 1,
  topicType: "MIXED",
  async prepare(other) {
    const [receipt] = await other.sendMessages(
      TOPIC,
      bodiesOf("JSON", 1).map((body) => ({ body, delayMs: DELAY_MS })),
    );
    const recallHandle = receipt && "recallHandle" in receipt ? receipt.recallHandle : "";
    return (broker) => broker.cancelMessage(TOPIC, recallHandle);
  },
};

export const idleTick: Operation = {
  name: "a tick of the scanner, nothing due",
  messages: 1,
  queues: 1,
  prepare: async (_other, _measured, _pass, nowMs) => (broker) => scanOnce(broker, nowMs(), 0),
};

/** A transaction's whole life, with the end of its half message's check; with 1000 B of JSON, or as many random bytes as given. */
export const transaction = (verdict: "commit" | "rollback", randomBytes?: number): Operation => ({
  name: `half message${randomBytes === undefined ? "" : ` of ${randomBytes} B of random bytes`}, ${verdict}, and the end of its check`,
  messages: 1,
  queues: 1,
  topicType: "MIXED",
  waitMs: CHECK_AFTER_MS,
  once: true,
  async prepare(_other, measured, pass, nowMs) {
    const [body] = randomBytes === undefined ? bodiesOf("JSON", 1) : bodiesOf("random", 1, randomBytes);
    if (!body) throw new Error("no body");
    await sendAll(measured, [{ body }]);
    return async (broker) => {
      const options = { producerGroup: PRODUCER_GROUP, checkAfterMs: CHECK_AFTER_MS };
      const dueMs = nowMs() + CHECK_AFTER_MS;
      const { transactionId } = await broker.sendHalfMessage(TOPIC, { body }, options);
      await broker.endTransaction(transactionId, verdict);
      await pass(dueMs + 1_000 - nowMs());
      await scanOnce(broker, nowMs(), 1);
    };
  },
});

/** As many at once as one call could send, but in a call each. One process prepares and commits them, and their checks end together. */
export const transactions = (count: number): Operation => ({
  name: `${count} half messages at once, commit, and the end of their checks`,
  messages: count,
  queues: 4,
  topicType: "MIXED",
  waitMs: CHECK_AFTER_MS,
  once: true,
  async prepare(_other, measured, pass, nowMs) {
    const bodies = bodiesOf("JSON", count);
    await sendAll(measured, [{ body: bodies[0] ?? new Uint8Array() }]);
    return async (broker) => {
      const options = { producerGroup: PRODUCER_GROUP, checkAfterMs: CHECK_AFTER_MS };
      const dueMs = nowMs() + CHECK_AFTER_MS;
      await Promise.all(
        bodies.map(async (body) => {
          const { transactionId } = await broker.sendHalfMessage(TOPIC, { body }, options);
          await broker.endTransaction(transactionId, "commit");
        }),
      );
      await pass(dueMs + 1_000 - nowMs());
      await scanOnce(broker, nowMs() + SCAN_TICK_MS, count);
    };
  },
});

export const checking: Operation = {
  name: "check of a half message, received by its producer",
  messages: 1,
  queues: 1,
  topicType: "MIXED",
  once: true,
  async prepare(other, measured, pass, nowMs) {
    const [body] = bodiesOf("JSON", 1);
    if (!body) throw new Error("no body");
    await sendAll(measured, [{ body }]);
    await other.sendHalfMessage(TOPIC, { body }, { producerGroup: PRODUCER_GROUP, checkAfterMs: CHECK_AFTER_MS });
    await pass(CHECK_AFTER_MS);
    return async (broker) => {
      await scanOnce(broker, nowMs(), 1);
      const checks = await broker.receiveChecks(PRODUCER_GROUP, { max: 1, waitMs: 0, maxBytes: 1_000_000 });
      if (checks.length !== 1) throw new Error("no check was received");
    };
  },
};

export const sendingOnce = (identity: "dedup key" | "sequence"): Operation => {
  let sent = 0;
  const once = () =>
    identity === "dedup key"
      ? ({ kind: "key", key: `order ${sent++}`, windowMs: 86_400_000 } as const)
      : ({ kind: "sequence", producerId: "till-1", sequence: sent++ } as const);
  return {
    name: `send 1 × ${BODY_BYTES} B of JSON with a ${identity}`,
    messages: 1,
    queues: 1,
    async prepare() {
      const [body] = bodiesOf("JSON", 1);
      if (!body) throw new Error("no body");
      const message = { body, once: once() };
      return (broker) => sendAll(broker, [message]);
    },
  };
};
