import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ExampleComparison } from "../support/http/example-comparison.ts";
import { type ExampleServer, exampleServer } from "../support/http/example-server.ts";
import { readExamples, type WrittenAnswer, type WrittenExample } from "../support/http/written-examples.ts";
import { SETUP } from "./protocol-setup.ts";

const PROTOCOL = readFileSync(new URL("../../PROTOCOL.md", import.meta.url), "utf8");

/** Sections in which no single request shows what they say. */
const WITHOUT_EXAMPLE = ["8.2", "8.3"];

const json = (text: string | undefined) => (text === undefined || text === "" ? undefined : JSON.parse(text));

/** The data of server-sent events is JSON; the rest of them is compared as it is. */
const withData = (text: string | undefined) =>
  (text ?? "").split("\n").map((line) => (line.startsWith("data: ") ? { data: JSON.parse(line.slice(6)) } : line));

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
  const read = written.headers["Content-Type"] === "text/event-stream" ? withData : json;
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

  it.each([
    ["a status", "\n201\n", "\n200\n"],
    ["a key", '"writeQueues": ', '"queuesToWrite": '],
    ["a value", '"retentionHours": 72', '"retentionHours": 71'],
    ["an item of a list", '"keys": ["7"],\n', '"keys": [],\n'],
    ["a header", "Idempotency-Replayed: true\n{", "Idempotency-Replayed: false\n{"],
    ["an id's form", '"messageId": "0', '"messageId": "x'],
    ["an id that was shown before", /(?<="messageId": ")\w+(?=".*"duplicate": true)/, "0".repeat(32)],
    ["data of an event", '"celsius":"31.0"', '"celsius":"30.0"'],
  ])("are not passed when %s is another", async (_, written, other) => {
    const changed = PROTOCOL.replace(written, other);
    expect(changed).not.toBe(PROTOCOL);
    expect(await faultsOf(changed)).not.toEqual([]);
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
