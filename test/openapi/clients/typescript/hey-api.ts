import assert from "node:assert/strict";
import {
  ackMessages,
  getTopic,
  patchGroup,
  putGroup,
  putSubscription,
  putTopic,
  receiveMessages,
  sendMessage,
} from "./generated/hey-api";
import { client } from "./generated/hey-api/client.gen";

const [baseUrl = "", topic = "", group = ""] = process.argv.slice(2);
client.setConfig({ baseUrl });

const made = await putTopic({ path: { topic }, body: { queues: 1 } });
assert.equal(made.data?.perm, 6);
const grouped = await putGroup({ path: { group }, body: { backoff: [1, 2] } });
assert.deepEqual(grouped.data?.backoff, [1, 2]);
const changed = await patchGroup({ path: { group }, body: { maxAttempts: 3, leaseSeconds: null } });
assert.deepEqual([changed.data?.maxAttempts, changed.data?.leaseSeconds], [3, 60]);
const subscription = await putSubscription({ path: { group, topic }, body: { startFrom: "earliest" } });
assert.equal(subscription.response?.status, 201);

const sent = await sendMessage({ path: { topic }, body: { body: "hello", tag: "greeting" } });
assert.equal(sent.data?.offset, "0");

const received = await receiveMessages({ path: { group }, body: { max: 2, waitSeconds: 5 } });
assert.deepEqual(
  received.data?.messages.map(({ body, tag }) => [body, tag]),
  [["hello", "greeting"]],
);
const receiptHandles = (received.data?.messages ?? []).map(({ receiptHandle }) => receiptHandle);
const acked = await ackMessages({ path: { group }, body: { receiptHandles } });
assert.deepEqual(
  acked.data?.results.map(({ status }) => status),
  ["acked"],
);

const missing = await getTopic({ path: { topic: "nowhere" } });
assert.equal(missing.error?.code, "TOPIC_NOT_FOUND");
