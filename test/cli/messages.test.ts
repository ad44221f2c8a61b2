import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { brokerForTests, documents, ended, spawnCli } from "./run-cli.ts";

const broker = brokerForTests();

beforeAll(async () => {
  await broker.json("topic", "create", "orders", "--queues", "1", "--type", "MIXED");
  await broker.json("subscribe", "create", "billing", "orders");
});

/** What the group has not seen yet. */
const received = (...options: string[]) => broker.json("receive", "billing", "--ack", "--max", "1000", ...options);

test("a message is sent with all that it has, and its id is what is printed", async () => {
  const options = ["--tag", "paid", "--key", "a", "--key", "b", "--property", "x=1=2", "--message-group", "g"];
  const { code, out, err } = await broker.run(["send", "orders", "hello", ...options]);
  expect({ code, err }).toEqual({ code: 0, err: "" });
  const messages = await received();
  expect(messages).toMatchObject([
    {
      messageId: out.trim(),
      body: "hello",
      tag: "paid",
      keys: ["a", "b"],
      properties: { x: "1=2" },
      messageGroup: "g",
      attempt: 1,
    },
  ]);
});

test("a body comes from standard input or from a file, byte by byte", async () => {
  const bytes = Buffer.from([0, 255, 10]);
  const file = join(broker.folder, "body");
  writeFileSync(file, bytes);
  const receipt = await broker.run(["send", "orders", `@${file}`, "--json"]);
  expect(documents(receipt.out)).toMatchObject([{ status: "SEND_OK", topic: "orders", queueId: 0, duplicate: false }]);
  expect(await broker.run(["send", "orders", "-"], { stdin: "on two\nlines\n" })).toMatchObject({ code: 0 });
  expect(await received()).toMatchObject([
    { body: bytes.toString("base64"), bodyEncoding: "base64" },
    { body: "on two\nlines\n", bodyEncoding: "utf8" },
  ]);
  expect(await broker.run(["send", "orders", "@/nowhere/file"])).toMatchObject({ code: 2, out: "" });
});

test("a message is sent so many times, and sends with one dedup key are stored once", async () => {
  const many = await broker.run(["send", "orders", "again", "--count", "1050"]);
  expect(many).toMatchObject({ code: 0, err: "1050 messages were sent to orders.\n" });
  expect(new Set(many.out.trim().split("\n")).size).toBe(1_050);
  for (const duplicate of [false, true])
    expect(await broker.json("send", "orders", "once", "--dedup-key", "k")).toMatchObject([{ duplicate }]);
  const bodies = (await received("--max", "2000")).map(({ body }) => body);
  expect(bodies.filter((body) => body === "again")).toHaveLength(1_050);
  expect(bodies.filter((body) => body === "once")).toHaveLength(1);
  expect(await broker.run(["send", "orders", "x", "--dedup-key", "k", "--count", "2"])).toMatchObject({ code: 2 });
});

test("lines of JSON are messages; those that are none are named, and the others are sent", async () => {
  const lines = [
    { body: "one", tag: "own" },
    { body: { two: 2 }, keys: ["k"] },
  ].map((line) => JSON.stringify(line));
  const stdin = [lines[0], "nonsense", '{"tag":"t"}', "", lines[1]].join("\n");
  const { code, out, err } = await broker.run(["send", "orders", "--ndjson", "--tag", "given", "--json"], { stdin });
  expect(code).toBe(3);
  const refused = { status: "error", code: "INVALID_LINE", detail: "it is no JSON object with a body" };
  expect(documents(out)).toMatchObject([
    { number: 2, ...refused },
    { number: 3, ...refused },
    { status: "SEND_OK" },
    { status: "SEND_OK" },
  ]);
  expect(err).toContain("2 messages were sent, and 2 were not.");
  expect(await received()).toMatchObject([
    { body: "one", tag: "own" },
    { body: '{"two":2}', tag: "given", keys: ["k"] },
  ]);
  expect(await broker.run(["send", "orders", "--ndjson"], { stdin: "nonsense\n" })).toMatchObject({ code: 1, out: "" });
});

test("a line with a value that cannot be sent is named, and the others are sent", async () => {
  const bad = [
    '{"body":"x","delay":"1 hour"}',
    '{"body":"x","dedupKey":5}',
    '{"body":"half a pair \\ud800"}',
    '{"body":"x","properties":["a"]}',
    '{"body":"x","delay":null}',
    // The broker's to judge.
    '{"body":"x","tag":"\\ud800"}',
  ];
  const stdin = ['{"body":"first"}', ...bad, '{"body":"last"}'].join("\n");
  const { code, out, err } = await broker.run(["send", "orders", "--ndjson", "--json"], { stdin });
  expect(code).toBe(3);
  expect(documents<{ number?: number }>(out).flatMap(({ number }) => number ?? [])).toEqual([2, 3, 4, 5, 6, 7]);
  expect(err).toContain('apogee: message 2: INVALID_LINE: "1 hour" is no duration');
  expect(err).toContain("2 messages were sent, and 6 were not.");
  expect(await received()).toMatchObject([{ body: "first" }, { body: "last" }]);
});

/** Answers calls by what comes behind the last `/` of their path. */
async function stubBroker(answers: Readonly<Record<string, (body: never, response: ServerResponse) => object | undefined>>) {
  const server = createServer(async (request, response) => {
    let text = "";
    for await (const chunk of request.setEncoding("utf8")) text += chunk;
    const answer = answers[request.url?.split("/").at(-1) ?? ""]?.(JSON.parse(text) as never, response);
    if (answer === undefined) response.destroy();
    else response.setHeader("content-type", "application/json").end(JSON.stringify(answer));
  });
  await once(server.listen(0), "listening");
  const environment = { APOGEE_ENDPOINT: `http://localhost:${(server.address() as AddressInfo).port}` };
  return { environment, [Symbol.dispose]: () => void server.close() };
}

/** It answers so many calls, and none after them. */
const leaving = (calls: number) =>
  stubBroker({
    batch: ({ entries }: { entries: readonly object[] }) =>
      calls-- > 0 ? { results: entries.map(() => ({ status: "SEND_OK", messageId: "M" })) } : undefined,
    messages: () => (calls-- > 0 ? { status: "SEND_OK", messageId: "M" } : undefined),
  });

test("where the broker goes away, what was sent is told from what was not", async () => {
  using stub = await leaving(12);
  const { environment } = stub;
  const { code, out, err } = await broker.run(["send", "t", "x", "--count", "3000", "--json"], { environment });
  expect(code).toBe(3);
  const all = documents<{ number?: number; status: string; code?: string }>(out);
  expect(all.filter(({ status }) => status === "SEND_OK")).toHaveLength(1_200);
  const failed = all.filter(({ status, code }) => status === "error" && code === "CONNECTION_FAILED");
  expect(failed.map(({ number }) => number)).toEqual(Array.from({ length: 1_800 }, (_, index) => 1_201 + index));
  expect(err).toMatch(
    /apogee: messages 1201 to 2000: .* cannot be reached .*\napogee: messages 2001 to 3000: .* cannot be reached/,
  );
  expect(err).toMatch(/\n1200 messages were sent, and 1800 were not\.\n$/);
  expect(await broker.run(["send", "t", "x", "--count", "3000"], { environment })).toMatchObject({ code: 1, out: "" });
});

test("where the broker goes away, no more lines are read", async () => {
  using stub = await leaving(1);
  const child = spawnCli(["send", "t", "--ndjson"], { environment: stub.environment });
  const end = ended(child);
  child.stdin?.write('{"body":"a"}\n');
  await once(child.stdout as NodeJS.ReadableStream, "data");
  child.stdin?.write('{"body":"b"}\n{"body":"c"}\n');
  const { code, out, err } = await end;
  expect({ code, out }).toEqual({ code: 3, out: "M\n" });
  expect(err).toMatch(
    /^apogee: messages 2 to 3: .* cannot be reached .*\nWhat follows message 3 was not read\.\n1 messages were sent, and 2 were not\.\n$/,
  );
});

test("a message that is received and cannot be acknowledged is told", async () => {
  const lost = { code: "LEASE_LOST", detail: "another has it", retryable: false, effect: "none" };
  let isEmpty = false;
  let refused: readonly string[] = ["H1"];
  using stub = await stubBroker({
    receive: () => {
      isEmpty = !isEmpty;
      const message = { topic: "t", queueId: 0, offset: "0", tag: null, keys: [], properties: {}, messageGroup: null, body: "x" };
      const leaseUntil = new Date(Date.now() + 60_000).toISOString();
      const delivery = { ...message, bodyEncoding: "utf8", storedAt: leaseUntil, bornAt: leaseUntil, leaseUntil, attempt: 1 };
      const messages = ["1", "2"].map((id) => ({ ...delivery, messageId: `M${id}`, receiptHandle: `H${id}` }));
      return { messages: isEmpty ? messages : [] };
    },
    settle: ({ acks }: { acks: readonly { receiptHandle: string }[] }) => ({
      results: acks.map(({ receiptHandle }) =>
        refused.includes(receiptHandle) ? { receiptHandle, status: "error", error: lost } : { receiptHandle, status: "acked" },
      ),
    }),
  });
  const { environment } = stub;
  const some = await broker.run(["receive", "g", "--ack", "--json"], { environment });
  expect(some).toMatchObject({ code: 3, err: "M1 was not acknowledged: LEASE_LOST: another has it\n" });
  const told = { status: "error", code: "LEASE_LOST", detail: "another has it" };
  expect(documents(some.out)).toMatchObject([{ messageId: "M1" }, { messageId: "M2" }, { messageId: "M1", ...told }]);
  refused = ["H1", "H2"];
  expect(await broker.run(["receive", "g", "--ack"], { environment })).toMatchObject({ code: 1 });
});

test("a message is delivered later", async () => {
  const [receipt] = await broker.json("send", "orders", "later", "--delay", "1h");
  const deliverAt = new Date(Date.now() + 3_600_000).toISOString().slice(0, 13);
  expect(receipt).toMatchObject({ deliverAt: expect.stringContaining(deliverAt), recallHandle: expect.any(String) });
  expect(await broker.json("send", "orders", "then", "--deliver-at", "2030-01-01T00:00:00Z")).toMatchObject([
    { deliverAt: "2030-01-01T00:00:00.000Z" },
  ]);
});

test("what is received and not acknowledged stays; what people see cannot move their cursor", async () => {
  await broker.json("send", "orders", "red \u001b[31m", "--property", "k=\u009b", "--tag", "t");
  const shown = await broker.run(["receive", "billing", "--wait", "5s"]);
  expect(shown.out).toMatch(/^[0-9A-F]{32} {2}orders\/0@\d+ {2}\S+Z {2}tag=t {2}k=\\u009b\nred \\u001b\[31m\n$/);
  expect(shown.err).toMatch(/^Nothing was acknowledged: the messages come again, from \S+Z on. See --ack.\n$/);
  const groups = await fetch(`${broker.url}/v1/groups?withLag=true`);
  expect(await groups.json()).toMatchObject({ items: [{ name: "billing", inFlight: 1 }] });
  expect(await broker.run(["receive", "nobody"])).toMatchObject({ code: 4, out: "" });
});
