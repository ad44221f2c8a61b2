import type { RunningBroker } from "../../core/create-broker.ts";
import { PULL_BYTES_MAX, PULL_MESSAGES_MAX } from "../../core/limits.ts";
import { type Body, bodiesOf, type Operation, send, TOPIC } from "./operation.ts";

const MESSAGES = 10_000;
/** Until a hint is followed. */
const RIPE_MS = 11 * 60_000;
const RUN_MS = 600_000;

type Pass = (ms: number) => Promise<void>;

async function maintainOnce(broker: RunningBroker, nowMs: () => number): Promise<void> {
  const { complete } = await broker.maintain({ untilMs: nowMs() + RUN_MS });
  if (!complete) throw new Error("maintenance has not ended");
}

/** Single sends, some minutes ago. All queues were looked at before, so only the hint of a sender leads to them. */
async function sentBefore(broker: RunningBroker, body: Body, pass: Pass, nowMs: () => number): Promise<void> {
  await maintainOnce(broker, nowMs);
  for (const one of bodiesOf(body, MESSAGES)) await send(broker, [one]);
  await pass(RIPE_MS);
}

/** A run of maintenance that rolls. */
export const rolling = (body: Body): Operation => ({
  name: `roll ${MESSAGES.toLocaleString("en-US")} × 1000 B of ${body === "JSON" ? "JSON" : "random bytes"}, sent one by one`,
  messages: MESSAGES,
  queues: 1,
  once: true,
  async prepare(other, _measured, pass, nowMs) {
    await sentBefore(other, body, pass, nowMs);
    return (broker) => maintainOnce(broker, nowMs);
  },
});

export const nothingToRoll: Operation = {
  name: "a tick of maintenance, nothing to do",
  messages: 1,
  queues: 4,
  once: true,
  async prepare(other, _measured, pass, nowMs) {
    await maintainOnce(other, nowMs);
    await pass(RIPE_MS);
    return (broker) => maintainOnce(broker, nowMs);
  },
};

/** Each pull also asks where the queue begins and ends. */
export const readingRolled: Operation = {
  name: `pull ${MESSAGES.toLocaleString("en-US")} that were rolled, ${PULL_MESSAGES_MAX} at a time`,
  messages: MESSAGES,
  queues: 1,
  once: true,
  async prepare(other, _measured, pass, nowMs) {
    await sentBefore(other, "random", pass, nowMs);
    await maintainOnce(other, nowMs);
    return async (broker) => {
      let read = 0;
      for (let offset = 0; ; ) {
        const request = { from: { offset }, limit: PULL_MESSAGES_MAX, maxBytes: PULL_BYTES_MAX, waitMs: 0 };
        const found = await broker.pullMessages(TOPIC, 0, request);
        if (found.status === "OFFSET_ILLEGAL") throw new Error(`offset ${offset} is gone`);
        read += found.messages.length;
        offset = found.nextOffset;
        if (offset >= found.maxOffset) break;
      }
      if (read < MESSAGES) throw new Error(`${read} messages were read`);
    };
  },
};
