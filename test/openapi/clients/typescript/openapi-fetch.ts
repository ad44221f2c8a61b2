import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import type { paths } from "./generated/schema";

const [baseUrl = "", topic = "", group = ""] = process.argv.slice(2);
const client = createClient<paths>({ baseUrl });

const made = await client.PUT("/v1/topics/{topic}", { params: { path: { topic } }, body: { queues: 1 } });
assert.equal(made.data?.perm, 6);
const grouped = await client.PUT("/v1/groups/{group}", { params: { path: { group } }, body: { backoff: [1, 2] } });
assert.deepEqual(grouped.data?.backoff, [1, 2]);
const changed = await client.PATCH("/v1/groups/{group}", {
  params: { path: { group } },
  body: { maxAttempts: 3, leaseSeconds: null },
});
assert.deepEqual([changed.data?.maxAttempts, changed.data?.leaseSeconds], [3, 60]);
const subscription = await client.PUT("/v1/groups/{group}/subscriptions/{topic}", {
  params: { path: { group, topic } },
  body: { startFrom: "earliest" },
});
assert.equal(subscription.response.status, 201);

const sent = await client.POST("/v1/topics/{topic}/messages", {
  params: { path: { topic } },
  body: { body: "hello", tag: "greeting" },
});
assert.equal(sent.data?.offset, "0");

const received = await client.POST("/v1/groups/{group}/receive", {
  params: { path: { group } },
  body: { max: 2, waitSeconds: 5 },
});
assert.deepEqual(
  received.data?.messages.map(({ body, tag }) => [body, tag]),
  [["hello", "greeting"]],
);
const receiptHandles = (received.data?.messages ?? []).map(({ receiptHandle }) => receiptHandle);
const acked = await client.POST("/v1/groups/{group}/ack", { params: { path: { group } }, body: { receiptHandles } });
assert.deepEqual(
  acked.data?.results.map(({ status }) => status),
  ["acked"],
);

const missing = await client.GET("/v1/topics/{topic}", { params: { path: { topic: "nowhere" } } });
assert.equal(missing.error?.code, "TOPIC_NOT_FOUND");
