import { setTimeout as sleep } from "node:timers/promises";
import type { DeployedApi } from "./deployed-api.ts";
import type { FunctionLogs } from "./function-logs.ts";
import { type JsonClient, withJsonClient } from "./json-client.ts";

/** A function's start, on a machine that plays all of AWS. */
const LATE_MS_MAX = 15_000;
const LOG_MS_MAX = 10_000;
const RINGS_MAX = 3;

type Started = "by the schedule" | "by the doorbell";

/**
 * Sends a message that is due before the next tick may come. Errors: when it comes early or late; when it was not a run that was
 * rung for which delivered it: that may be so once, where a tick came just then, but not again and again.
 */
export const checkDoorbell = (api: DeployedApi, logs: FunctionLogs): Promise<string> =>
  withJsonClient(api, async (client) => {
    for (let rings = 1; rings <= RINGS_MAX; rings++) {
      const lateMs = await deliverOne(client, `rung-${rings}`, 2);
      if (await hasDelivered(logs, "by the doorbell")) return `${lateMs} ms late`;
    }
    throw new Error(`no run that was rung for delivered any of ${RINGS_MAX} messages`);
  });

/** Sends a message that is too far off for anyone to be rung. Errors: when it comes early or late, or by another way. */
export const checkScheduledDelivery = (api: DeployedApi, logs: FunctionLogs): Promise<string> =>
  withJsonClient(api, async (client) => {
    const lateMs = await deliverOne(client, "scheduled", 65);
    if (await hasDelivered(logs, "by the schedule")) return `${lateMs} ms late`;
    throw new Error("no run of the schedule delivered it");
  });

const BURST = { topics: ["burst-0", "burst-1"], messagesEach: 150, entriesPerSend: 50, delayMs: 8_000 } as const;
const BURST_MS_MAX = 60_000;
/** Beside a burst: what a machine takes that plays all of AWS, and not what others have due. */
const BESIDE_MS_MAX = 5_000;

/**
 * Sends many messages that are due at once, to two topics, and one to another topic that is due in the middle of them. Errors: when one of
 * them is not delivered once; when the one beside them waits for them.
 */
export const checkBurst = (api: DeployedApi): Promise<string> =>
  withJsonClient(api, async (client) => {
    const names = [...BURST.topics, "beside-the-burst"];
    for (const name of names) await subscribe(client, name);
    const dueMs = Date.now() + BURST.delayMs;
    const deliverAt = new Date(dueMs).toISOString();
    const entries = Array.from({ length: BURST.entriesPerSend }, () => ({ body: "later", deliverAt }));
    for (const topic of BURST.topics)
      for (let sent = 0; sent < BURST.messagesEach; sent += BURST.entriesPerSend)
        await client.call("POST", `/v1/topics/${topic}/messages/batch`, { entries });
    const besideMs = Math.max(dueMs + 300, Date.now() + 1_000);
    await client.call("POST", "/v1/topics/beside-the-burst/messages", {
      body: "beside",
      deliverAt: new Date(besideMs).toISOString(),
    });
    const untilMs = Date.now() + BURST_MS_MAX;
    const [beside = Number.NaN] = await storedMs(client, "beside-the-burst", 1, untilMs);
    if (!(beside - besideMs <= BESIDE_MS_MAX)) throw new Error(`the one beside them came ${beside - besideMs} ms late`);
    let lastMs = 0;
    for (const topic of BURST.topics) {
      const stored = await storedMs(client, topic, BURST.messagesEach, untilMs);
      if (stored.length !== BURST.messagesEach) throw new Error(`${stored.length} of ${BURST.messagesEach} came to ${topic}`);
      lastMs = Math.max(lastMs, ...stored);
    }
    return `the last ${lastMs - dueMs} ms late, the one beside them ${beside - besideMs} ms`;
  });

/** When messages were stored in their queues, of as many as come. */
async function storedMs({ call }: JsonClient, name: string, count: number, untilMs: number): Promise<readonly number[]> {
  const stored: number[] = [];
  while (stored.length < count && Date.now() < untilMs) {
    const { messages } = await call("POST", `/v1/groups/${name}/receive`, { max: 32, waitSeconds: 5 });
    if (messages.length === 0) continue;
    const acks: { readonly receiptHandle: string }[] = [];
    for (const { storedAt, receiptHandle } of messages) {
      stored.push(Date.parse(storedAt));
      acks.push({ receiptHandle });
    }
    await call("POST", `/v1/groups/${name}/settle`, { acks });
  }
  return stored;
}

async function subscribe({ call }: JsonClient, name: string): Promise<void> {
  await call("PUT", `/v1/topics/${name}`, { type: "DELAY" });
  await call("PUT", `/v1/groups/${name}`, {});
  await call("PUT", `/v1/groups/${name}/subscriptions/${name}`, { startFrom: "earliest" });
}

/** Answers how late it was stored in its queue. */
async function deliverOne(client: JsonClient, name: string, delaySeconds: number): Promise<number> {
  const { call } = client;
  await subscribe(client, name);
  const { deliverAt } = await call("POST", `/v1/topics/${name}/messages`, { body: "later", delaySeconds });
  const dueMs = Date.parse(deliverAt);
  while (Date.now() < dueMs + LATE_MS_MAX) {
    const { messages } = await call("POST", `/v1/groups/${name}/receive`, { waitSeconds: 10 });
    if (messages.length === 0) continue;
    const lateMs = Date.parse(messages[0].storedAt) - dueMs;
    if (lateMs < 0 || lateMs > LATE_MS_MAX) throw new Error(`it was delivered ${lateMs} ms late`);
    return lateMs;
  }
  throw new Error(`it was not delivered ${LATE_MS_MAX / 1_000} s after it was due`);
}

/** A run logs when it ends, which is soon after what was due. */
async function hasDelivered(logs: FunctionLogs, started: Started): Promise<boolean> {
  for (const deadline = Date.now() + LOG_MS_MAX; Date.now() < deadline; await sleep(1_000)) {
    const lines = (await logs.of("Scanner")).filter((line) => line.startsWith("{")).map((line) => JSON.parse(line));
    const failure = lines.find(({ level }) => level >= 50);
    if (failure) throw new Error(JSON.stringify(failure));
    const run = lines.find(({ tick, fired }) => fired > 0 && (tick === undefined) === (started === "by the doorbell"));
    if (run) return true;
  }
  return false;
}
