import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { brokerForTests, documents } from "./run-cli.ts";

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
