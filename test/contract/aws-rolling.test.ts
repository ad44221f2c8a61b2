import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { connectAws } from "../../adapters/aws/connect-aws.ts";
import { SHARED_STORE } from "../../core/broker-settings.ts";
import { BrokerError } from "../../core/errors.ts";
import { indexPk, queuePk, ROLL_HINTS_PK } from "../../core/keys.ts";
import type { ObjectStore } from "../../core/ports/object-store.ts";
import { rollHintItem, rollHintOf } from "../../core/roller/roll-hint.ts";
import { createSystemRandom } from "../../functions/runtime/random.ts";
import { startBroker } from "../../functions/stores/start-broker.ts";
import { startAwsEndpoint } from "../support/aws/aws-endpoint.ts";
import { createBucket } from "../support/aws/create-bucket.ts";
import { createTable } from "../support/aws/create-table.ts";
import { dynamoDbBinary } from "../support/aws/dynamodb-server.ts";
import { SeededRandom } from "../support/seeded-random.ts";

// The SDK tells every process on Node 20 that its versions of 2027 will not run there.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = "true";

const run = promisify(execFile);
const binary = dynamoDbBinary();
const MESSAGES = 2_400;
const TOGETHER = 4;
const BYTES = 2_000;
const REGION = "eu-west-1";
const NAME = "apogee-test";
const TICK = `
const { handler } = await import(process.env.BUNDLE);
await handler({ time: "2026-01-01T00:00:00Z" }, { awsRequestId: "tick", getRemainingTimeInMillis: () => 60_000 });
process.exit(0);
`;

test("the maintenance that is deployed rolls a queue that a sender hinted at, and handlers read it from the segment", async (context) => {
  if ("unavailable" in binary) return context.skip(binary.unavailable);
  await mkdir(".tmp", { recursive: true });
  const folder = await mkdtemp(resolve(".tmp", "aws-rolling-"));
  const aws = await startAwsEndpoint(binary.path);
  const place = { region: REGION, endpoint: aws.endpoint, credentials: { accessKeyId: "test", secretAccessKey: "test" } };
  await createTable({ ...place, table: NAME });
  await createBucket({ ...place, bucket: NAME });
  const { items, objects, close } = connectAws({ ...place, table: NAME, bucket: NAME });
  const handler = (reading: ObjectStore = objects) =>
    startBroker(
      { items, objects: reading, settings: SHARED_STORE, close: () => Promise.resolve() },
      { random: createSystemRandom() },
    );
  try {
    const sender = await handler();
    const { topic } = await sender.putTopic("orders", { queues: 1 });
    const random = new SeededRandom(1);
    const sent = new Map<string, string>();
    for (let from = 0; from < MESSAGES; from += TOGETHER) {
      const bodies = Array.from({ length: TOGETHER }, () => random.bytes(BYTES));
      const receipts = await sender.sendMessages(
        "orders",
        bodies.map((body) => ({ body })),
      );
      for (const [index, receipt] of receipts.entries()) {
        if (BrokerError.is(receipt)) throw receipt;
        sent.set(receipt.messageId, hashOf(bodies[index] as Uint8Array));
      }
    }
    const [hint] = (await items.query({ pk: ROLL_HINTS_PK, limit: 10 })).items;
    if (!hint) throw new Error("no sender left a hint");
    // Ten minutes pass.
    await items.put(rollHintItem({ ...rollHintOf(hint), putAtMs: Date.now() - 11 * 60_000 }));

    await run(process.execPath, ["build/build.mjs", folder]);
    await run(process.execPath, ["--input-type=module", "--eval", TICK], {
      env: {
        PATH: process.env.PATH,
        BUNDLE: pathToFileURL(resolve(folder, "maintenance/index.mjs")).href,
        TABLE: NAME,
        BUCKET: NAME,
        AWS_REGION: REGION,
        AWS_ENDPOINT_URL: aws.endpoint,
        AWS_ACCESS_KEY_ID: "test",
        AWS_SECRET_ACCESS_KEY: "test",
      },
    });
    const entries = (await items.query({ pk: indexPk(topic.uid, 0), limit: 10 })).items;
    expect(entries.reduce((count, entry) => count + (entry.n as number), 0)).toBe(MESSAGES);
    expect((await items.query({ pk: ROLL_HINTS_PK, limit: 10 })).items).toEqual([]);
    // Dropping blocks would cost more than it saves.
    const blocks = await items.query({ pk: queuePk(topic.uid, 0), limit: 10 });
    expect(blocks.items).toHaveLength(10);

    let segmentReads = 0;
    const reader = await handler({
      put: (key, bytes) => objects.put(key, bytes),
      getRange(key, ...range) {
        if (key.endsWith(".seg")) segmentReads++;
        return objects.getRange(key, ...range);
      },
    });
    const read = new Map<string, string>();
    for (let offset = 0; offset < MESSAGES; ) {
      const found = await reader.pullMessages("orders", 0, { from: { offset }, limit: 32, maxBytes: 1_000_000, waitMs: 0 });
      if (found.status === "OFFSET_ILLEGAL") throw new Error(`offset ${offset} is gone`);
      for (const { messageId, body } of found.messages) read.set(messageId, hashOf(body));
      offset = found.nextOffset;
    }
    expect(read).toEqual(sent);
    expect(segmentReads).toBeGreaterThan(1);
    expect(segmentReads).toBeLessThan(20);
  } finally {
    close();
    await aws.stop();
    await rm(folder, { recursive: true, force: true });
  }
});

const hashOf = (body: Uint8Array): string => createHash("sha256").update(body).digest("hex");
