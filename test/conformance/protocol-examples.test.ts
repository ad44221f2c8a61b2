import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ExampleComparison } from "../support/http/example-comparison.ts";
import { type ExampleServer, exampleServer } from "../support/http/example-server.ts";
import { readExamples, type WrittenAnswer, type WrittenExample } from "../support/http/written-examples.ts";
import { SETUP } from "./protocol-setup.ts";

const PROTOCOL = readFileSync(new URL("../../PROTOCOL.md", import.meta.url), "utf8");

/** Sections in which no single request shows what they say. */
const WITHOUT_EXAMPLE = ["8.2", "8.3"];

const ID = "01A3185C5000098ACCD57A148B200000";

/** Some of everything that an example can have. */
const SAMPLE = [
  `PUT /v1/topics/orders
{"queues": 1}

201
{"name": "orders", "type": "NORMAL", "queues": 1, "writeQueues": 1, "readQueues": 1, "retentionHours": 72, "flushMode": "ASYNC_FLUSH",
 "perm": 6, "rooms": [], "createdAt": "2027-01-15T08:00:00.000Z", "updatedAt": "2027-01-15T08:00:00.000Z"}`,
  `POST /v1/topics/orders/messages
{"body": "7", "keys": ["7"], "dedupKey": "7"}

201
{"messageId": "${ID}", "topic": "orders", "status": "SEND_OK", "duplicate": false, "queueId": 0, "offset": "0"}`,
  `POST /v1/topics/orders/messages
Idempotency-Key: 7
{"body": "7", "dedupKey": "7"}

201
{"messageId": "${ID}", "topic": "orders", "status": "SEND_OK", "duplicate": true, "queueId": 0, "offset": "0"}`,
  `POST /v1/topics/orders/messages
Idempotency-Key: 7
{"body": "7", "dedupKey": "7"}

201
Idempotency-Replayed: true
{"messageId": "${ID}", "topic": "orders", "status": "SEND_OK", "duplicate": true, "queueId": 0, "offset": "0"}`,
  `GET /v1/topics/orders/queues/0/messages?offset=0
Accept: text/event-stream

200
Content-Type: text/event-stream
id: 0
data: {"messageId":"${ID}","topic":"orders","queueId":0,"offset":"0","tag":null,"keys":["7"],"properties":{},"messageGroup":null,
data: "bornAt":"2027-01-15T08:00:00.000Z","storedAt":"2027-01-15T08:00:00.000Z","body":"7","bodyEncoding":"utf8"}`,
]
  .map((block) => `\`\`\`http\n${block}\n\`\`\`\n`)
  .join("");

const json = (text: string | undefined) => (text === undefined || text === "" ? undefined : JSON.parse(text));

/** A server-sent event whose data is JSON, which may be written in several lines. */
const event = (text = "") => {
  const [data, rest] = [true, false].map((wanted) => text.split("\n").filter((line) => line.startsWith("data: ") === wanted));
  return { rest, data: JSON.parse((data ?? []).map((line) => line.slice("data: ".length)).join("\n")) };
};

/** The first event of a stream, which goes on; else all of the answer. */
async function bodyOf(response: Response): Promise<string> {
  if (response.headers.get("content-type") !== "text/event-stream") return response.text();
  let text = "";
  for await (const part of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += part;
    if (text.includes("\n\n")) break;
  }
  return text.split("\n\n")[0] ?? "";
}

async function faultsOfAnswer(written: WrittenAnswer, response: Response, comparison: ExampleComparison): Promise<string[]> {
  const body = await bodyOf(response);
  const faults = comparison.faults(written.status, response.status, "status");
  for (const [name, value] of Object.entries(written.headers))
    faults.push(...comparison.faults(value, response.headers.get(name), name, name));
  const read = written.headers["Content-Type"] === "text/event-stream" ? event : json;
  return [...faults, ...comparison.faults(read(written.body), read(body))];
}

const send = (server: ExampleServer, { method, path, headers, body }: WrittenExample, comparison: ExampleComparison) =>
  server.request(method, comparison.translate(path), {
    headers: { ...(body === undefined ? {} : { "Content-Type": "application/json" }), ...headers },
    body: body === undefined ? undefined : comparison.translate(body),
  });

/** Sends the examples of a document one after the other, and tells what is not as it is written. */
async function faultsOf(document: string): Promise<string[]> {
  const server = await exampleServer();
  const comparison = new ExampleComparison();
  const faults: string[] = [];
  let section = "";
  try {
    for (const example of readExamples(document)) {
      if (example.section !== section) await SETUP[example.section]?.(server);
      section = example.section;
      const found = await faultsOfAnswer(example.answer, await send(server, example, comparison), comparison);
      faults.push(...found.map((fault) => `line ${example.line}: ${example.method} ${example.path} ${fault}`));
    }
  } finally {
    await server.stop();
  }
  return faults;
}

describe("PROTOCOL, its examples", () => {
  it("are answered as is written, sent one after the other", async () => {
    expect(await faultsOf(PROTOCOL)).toEqual([]);
  });

  it("pass where all of it is as it is written", async () => {
    expect(await faultsOf(SAMPLE)).toEqual([]);
  });

  it.each([
    ["a status", "\n201\n", "\n200\n", 1],
    ["a key", '"messageId": ', '"id": ', 2],
    ["a value", '"queueId": 0', '"queueId": 1', 1],
    ["a list", '"keys":["7"]', '"keys":["7","8"]', 2],
    ["a header", "Idempotency-Replayed: true", "Idempotency-Replayed: false", 1],
    ["an id's form", `"messageId": "${ID}"`, '"messageId": "7"', 1],
    ["an id that was shown before", new RegExp(`${ID}(?=.*"duplicate": true)`), "0".repeat(32), 1],
    ["the data of an event", '"tag":null', '"tag":""', 1],
  ])("fail where %s is written differently", async (_, written, other, faults) => {
    expect(await faultsOf(SAMPLE.replace(written, other))).toHaveLength(faults);
  });

  it("are there for every section", () => {
    const shown = new Set([...readExamples(PROTOCOL).map(({ section }) => section), ...WITHOUT_EXAMPLE]);
    const sections = PROTOCOL.split("\n").flatMap((line) => /^#{2,3} (\d(?:\.\d+)?) /.exec(line)?.[1] ?? []);
    const whole = sections.filter((section) => !sections.includes(`${section}.1`));
    expect(whole.length).toBeGreaterThan(30);
    expect(whole.filter((section) => !shown.has(section))).toEqual([]);
    expect(Object.keys(SETUP).filter((section) => !shown.has(section))).toEqual([]);
  });
});
