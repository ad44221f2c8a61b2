// A program with a push consumer of RocketMQ's Node.js client, to be killed: a line for each beginning and end of a message. Arguments:
// endpoints, group, topic.
import { writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { ConsumeResult, type MessageView, PushConsumer } from "rocketmq-client-nodejs";
import { QUIET } from "./quiet.ts";

const [endpoints = "", consumerGroup = "", topic = ""] = process.argv.slice(2);
const HANDLER_MS_MAX = 40;
/** What the server gives to push consumers; a message is on its way for less than a second. */
const LEASE_MS = 59_000;

/** What the pipe holds outlives the process. */
const tell = (fact: object): void => void writeSync(1, `${JSON.stringify({ atMs: Date.now(), ...fact })}\n`);

async function consume({ messageId, messageGroup, deliveryAttempt: attempt }: MessageView): Promise<ConsumeResult> {
  tell({ kind: "began", messageId, messageGroup, attempt, leaseUntilMs: Date.now() + LEASE_MS });
  await sleep(Math.random() * HANDLER_MS_MAX);
  if (Math.random() < 0.02) {
    tell({ kind: "failed", messageId, attempt });
    return ConsumeResult.FAILURE;
  }
  tell({ kind: "finished", messageId, attempt });
  return ConsumeResult.SUCCESS;
}

const consumer = new PushConsumer({
  endpoints,
  consumerGroup,
  namespace: "",
  subscriptions: new Map([[topic, "*"]]),
  messageListener: { consume },
  logger: QUIET,
});
await consumer.startup();
