import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type AwsEndpoint, startAwsEndpoint } from "../support/aws/aws-endpoint.ts";
import { createBucket } from "../support/aws/create-bucket.ts";
import { createTable } from "../support/aws/create-table.ts";
import { dynamoDbBinary } from "../support/aws/dynamodb-server.ts";
import { someKey } from "../support/aws/function-fixture.ts";
import { Api } from "../support/http/http-api.ts";
import { createGroup, createTopic, expectProblem, receiveCount, send, settle } from "../support/http/http-fixtures.ts";
import { freePort, type ServerProcess, startServer } from "../support/server/server-process.ts";

// The SDK tells every process on Node 20 that its versions of 2027 will not run there.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = "true";

const binary = dynamoDbBinary();
const REGION = "eu-west-1";
const NAME = "apogee-test";

describe("PROTOCOL 8.3 the server over AWS stores, as a process", () => {
  const { key } = someKey();
  const servers: ServerProcess[] = [];
  let starts = 0;
  let folder: string;
  let aws: AwsEndpoint;

  beforeAll(async () => {
    if ("unavailable" in binary) return;
    folder = await mkdtemp(join(tmpdir(), "apogee-aws-process-"));
    aws = await startAwsEndpoint(binary.path);
    const place = { region: REGION, endpoint: aws.endpoint, credentials: { accessKeyId: "test", secretAccessKey: "test" } };
    await createTable({ ...place, table: NAME });
    await createBucket({ ...place, bucket: NAME });
  });
  afterAll(async () => {
    await Promise.all(servers.map((server) => server.stop()));
    await aws?.stop();
    if (folder) await rm(folder, { recursive: true, force: true });
  });

  const start = async (environment: Readonly<Record<string, string>> = {}) => {
    const logFile = join(folder, `server-${starts++}.log`);
    const options = {
      dataDir: join(folder, "unused"),
      port: await freePort(),
      logFile,
      command: [process.execPath, "--import", "tsx", "functions/local.ts"],
      environment: {
        STORE: "aws",
        TABLE: NAME,
        BUCKET: NAME,
        API_KEY: key,
        AWS_REGION: REGION,
        AWS_ENDPOINT_URL: aws.endpoint,
        AWS_ACCESS_KEY_ID: "test",
        AWS_SECRET_ACCESS_KEY: "test",
        ...environment,
      },
    };
    const server = await startServer(options).catch((error: unknown) => ({ error }));
    const log = () => readFile(logFile, "utf8");
    if ("error" in server) return { log };
    servers.push(server);
    return { api: new Api({ baseUrl: () => server.url, headers: () => ({ Authorization: `Bearer ${key}` }) }), log };
  };
  const started = async () => {
    const { api, log } = await start();
    if (api === undefined) throw new Error(await log());
    return api;
  };

  it("shares one store with others, behind a key", async (context) => {
    if ("unavailable" in binary) return context.skip(binary.unavailable);
    const [one, other] = await Promise.all([started(), started()]);
    const topic = await createTopic(one, { queues: 1 });
    const group = await createGroup(one, [topic]);
    // Large enough to go to the bucket.
    const body = "x".repeat(50_000);
    await send(one, topic, { body });
    const [message] = await receiveCount(other, group, 1);
    expect(message).toMatchObject({ body, attempt: 1 });
    const [acked] = await settle(one, group, { acks: [{ receiptHandle: message?.receiptHandle }] });
    expect(acked).toMatchObject({ status: "acked" });

    const stranger = new Api({ baseUrl: () => other.baseUrl });
    expectProblem(await stranger.get(`/v1/topics/${topic}`), 401, "UNAUTHORIZED");
    expect((await stranger.get("/healthz")).status).toBe(200);
    expect((await stranger.get("/readyz")).status).toBe(200);
  });

  it("says in one line what keeps it from starting, but never the key", async (context) => {
    if ("unavailable" in binary) return context.skip(binary.unavailable);
    const cases: [Record<string, string>, RegExp][] = [
      [{ TABLE: "" }, /TABLE must be set where STORE is aws/],
      [{ TABLE: "no-such-table" }, /there is no such table/],
      [{ AWS_ENDPOINT_URL: `http://127.0.0.1:${await freePort()}` }, /The store cannot be used: .*ECONNREFUSED/],
      [{ API_KEY: "too-short-to-be-a-key" }, /API_KEY must be one key, or two .*32 characters or more/],
    ];
    for (const [environment, reason] of cases) {
      const { api, log } = await start(environment);
      expect(api).toBeUndefined();
      const [line = "", ...more] = (await log()).split("\n").filter((text) => text.startsWith("apogee: "));
      expect(line).toMatch(reason);
      expect(more).toEqual([]);
      expect(await log()).not.toMatch(/too-short|\bat .+:\d+:\d+/);
    }
  });
});
