import { once } from "node:events";
import { beforeAll, expect, test } from "vitest";
import { brokerForTests, documents, ended, spawnCli } from "./run-cli.ts";

const broker = brokerForTests();
const QUEUES = 4;
const PARTS = 6;
const PART = 50;
const COUNT = PARTS * PART;

interface Read {
  readonly body: string;
  readonly queueId: number;
  readonly offset: string;
  readonly storedAt: string;
  readonly messageId: string;
}

beforeAll(async () => {
  await broker.json("topic", "create", "orders", "--queues", String(QUEUES), "--type", "MIXED");
  await broker.json("subscribe", "create", "billing", "orders");
  // One part after the other, each in a queue of its own: no queue has messages of all times.
  for (let part = 0; part < PARTS; part++) {
    const lines = Array.from({ length: PART }, (_, index) => {
      const number = part * PART + index;
      const [tag, keys, properties] = [number % 2 ? "odd" : "even", [`k${number % 5}`], { n: `${number}` }];
      return JSON.stringify({ body: `order ${number}`, tag, keys, properties, messageGroup: `part ${part}` });
    });
    await broker.run(["send", "orders", "--ndjson"], { stdin: lines.join("\n") });
  }
  await broker.json("topic", "create", "empty");
});

const times = (messages: readonly Read[]) => messages.map(({ storedAt }) => storedAt);
const sorted = (values: readonly string[]) => [...values].sort();

test("a topic is read to its end, all queues merged by time", async () => {
  const messages = await broker.json<Read>("read", "orders");
  expect(messages).toHaveLength(COUNT);
  expect(new Set(messages.map(({ messageId }) => messageId)).size).toBe(COUNT);
  expect(times(messages)).toEqual(sorted(times(messages)));
  expect(new Set(messages.map(({ queueId }) => queueId)).size).toBeGreaterThan(1);
  const half = messages[COUNT / 2]?.storedAt as string;
  expect(await broker.json("read", "orders", "--from", half)).toEqual(messages.filter(({ storedAt }) => storedAt >= half));
  expect(await broker.json("read", "orders", "--from", "1h", "--max", "3")).toHaveLength(3);
});

test("reading takes a queue, an offset and a filter", async () => {
  const [first] = await broker.json<Read>("read", "orders");
  const id = first?.queueId as number;
  expect(await broker.json("read", "orders", "--queue", String(id), "--from", "2", "--max", "2")).toMatchObject([
    { queueId: id, offset: "2" },
    { queueId: id, offset: "3" },
  ]);
  expect(await broker.json("read", "orders", "--tag", "odd")).toHaveLength(COUNT / 2);
  expect(await broker.json("read", "orders", "--filter", "n >= 280")).toHaveLength(20);
  const { out } = await broker.run(["read", "orders", "--max", "1"]);
  expect(out).toMatch(/^\w{32} {2}orders\/\d@0 {2}\S+Z {2}tag=even {2}key=k0 {2}group=part 0 {2}n=0\norder 0\n$/);
  expect(await broker.run(["read", "empty"])).toEqual({ code: 0, out: "", err: "There are no such messages in empty.\n" });
  expect(await broker.run(["read", "nothing"])).toMatchObject({ code: 4, out: "" });
  expect(await broker.run(["read", "orders", "--from", "5"])).toMatchObject({ code: 2, err: expect.stringContaining("--queue") });
  expect(await broker.run(["read", "orders", "--from", "soon"])).toMatchObject({
    code: 2,
    err: expect.stringContaining("such as 1h"),
  });
  expect(await broker.run(["read", "orders", "--tag", "a", "--filter", "n > 1"])).toMatchObject({ code: 2 });
});

test("a tail shows what there is by time, and then what comes", async () => {
  const child = spawnCli(["tail", "orders", "--since", "1h", "--max", String(COUNT + 1), "--json"], {
    environment: { APOGEE_ENDPOINT: broker.url },
  });
  const end = ended(child);
  await once(child.stdout as NodeJS.ReadableStream, "data");
  await broker.json("send", "orders", "new");
  const { code, out, err } = await end;
  expect({ code, err }).toEqual({ code: 0, err: "" });
  const messages = documents<Read>(out);
  expect(new Set(messages.map(({ messageId }) => messageId)).size).toBe(COUNT + 1);
  expect(times(messages)).toEqual(sorted(times(messages)));
  expect(messages.at(-1)).toMatchObject({ body: "new" });
});

test("a tail of one queue has a line per message, whose controls do nothing", async () => {
  await broker.json("topic", "create", "lines", "--queues", "1");
  await broker.json("send", "lines", "two\nlines \u001b[31m", "--tag", "t", "--key", "k");
  await broker.json("send", "lines", "other", "--tag", "u");
  const { code, out } = await broker.run(["tail", "lines", "--queue", "0", "--since", "10m", "--tag", "t", "--max", "1"]);
  expect(code).toBe(0);
  expect(out).toMatch(/^\S+Z {2}0@0 {2}tag=t {2}key=k {2}two\\u000alines \\u001b\[31m\n$/);
  expect(await broker.run(["tail", "nothing"])).toMatchObject({ code: 4 });
});

test("Ctrl-C ends a tail", async () => {
  const child = spawnCli(["tail", "orders", "--since", "1h"], { environment: { APOGEE_ENDPOINT: broker.url } });
  const end = ended(child);
  await once(child.stdout as NodeJS.ReadableStream, "data");
  child.kill("SIGINT");
  expect(await end).toMatchObject({ code: 130, err: "" });
});

test("messages are found by key, all pages up to the limit, newest first", async () => {
  const found = await broker.json<Read>("find", "orders", "--key", "k3");
  expect(found).toHaveLength(COUNT / 5);
  expect(times(found)).toEqual(sorted(times(found)).reverse());
  const all = await broker.run(["find", "orders", "--limit", String(COUNT - 1), "--json"]);
  expect(new Set(documents<Read>(all.out).map(({ messageId }) => messageId)).size).toBe(COUNT - 1);
  expect(all.err).toBe("There may be more: --limit 2990 shows up to 2990.\n");
  expect(await broker.json("find", "orders", "--key", "k3", "--tag", "odd", "--since", "1h")).toHaveLength(COUNT / 10);
  expect(await broker.run(["find", "orders", "--key", "k3", "--until", "1h"])).toEqual({
    code: 0,
    out: "",
    err: "There are no such messages in orders.\n",
  });
  expect(await broker.run(["find"])).toMatchObject({ code: 2 });
  expect(await broker.run(["find", "nothing", "--key", "k"])).toMatchObject({ code: 4 });
});

test("a message is found by its id, with what each group has done with it", async () => {
  await broker.json("topic", "create", "traced");
  await broker.json("subscribe", "create", "audit", "traced");
  await broker.json("subscribe", "create", "mail", "traced", "--tag", "other");
  const [receipt] = await broker.json<{ messageId: string }>("send", "traced", "x", "--tag", "t");
  const id = receipt?.messageId as string;
  await broker.json("receive", "audit", "--ack", "--wait", "5s");
  const [message] = await broker.json("find", "--id", id);
  expect(message).toMatchObject({ messageId: id, body: "x", groups: [{ group: "audit", state: "SETTLED" }, { group: "mail" }] });
  for (const ofPages of ["nextCursor", "complete"]) expect(message).not.toHaveProperty(ofPages);
  const { out } = await broker.run(["find", "traced", "--id", id]);
  expect(out).toMatch(new RegExp(`^${id} .*tag=t\nx\nGROUP +STATE +ATTEMPT .*\naudit +SETTLED +-`));
  expect(await broker.run(["find", "--id", id, "--key", "k"])).toMatchObject({ code: 2 });
  expect(await broker.run(["find", "a", "--id", id, "--topic", "b"])).toMatchObject({ code: 2 });
  expect(await broker.run(["find", "orders", "--id", "0".repeat(32)])).toMatchObject({ code: 4, out: "" });
});
