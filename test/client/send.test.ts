import { expect, expectTypeOf, it } from "vitest";
import { z } from "zod";
import { Apogee, ApogeeError, InvalidBody } from "../../client/index.ts";
import { failure, gate, schemaOf, texts, wired } from "./wire.ts";

async function one(apogee: Awaited<ReturnType<typeof wired>>["apogee"], topic: string) {
  for await (const message of apogee.topic(topic).read()) return message;
  throw new Error("The topic is empty.");
}

it.each([
  ["text", "Grüße 🎈\n\"'\u0001", "Grüße 🎈\n\"'\u0001"],
  ["JSON", { id: 7, list: [1, { a: null }] }, '{"id":7,"list":[1,{"a":null}]}'],
  ["a number", 7, "7"],
  ["null", null, "null"],
  ["bytes", Uint8Array.of(0x68, 0x69), "hi"],
  ["a view of other bytes", new DataView(Uint8Array.of(0, 0x68, 0x69, 0).buffer, 1, 2), "hi"],
  ["a buffer", Uint8Array.of(0x68, 0x69).buffer, "hi"],
])("sends %s", async (_, body, text) => {
  await using world = await wired();
  await world.apogee.topic("t").put();
  await world.apogee.topic("t").send(body);
  expect((await one(world.apogee, "t")).text()).toBe(text);
});

it("sends every byte there is", async () => {
  await using world = await wired();
  const bytes = Uint8Array.from({ length: 256 }, (_, at) => at);
  await world.apogee.topic("t").put();
  await world.apogee.topic("t").send(bytes);
  const message = await one(world.apogee, "t");
  expect(message.bodyEncoding).toBe("base64");
  expect(message.bytes()).toEqual(bytes);
});

const MIB = 1_024 * 1_024;

it.each([
  ["of quotes, which JSON doubles", '"'.repeat(4 * MIB)],
  ["of control characters, of which JSON makes six", "\u0001".repeat(4 * MIB)],
  ["of three bytes a character", "語".repeat(Math.floor((4 * MIB) / 3))],
])("sends 4 MiB %s", async (_, text) => {
  await using world = await wired();
  await world.apogee.topic("t").put();
  await world.apogee.topic("t").send(text);
  expect((await one(world.apogee, "t")).text() === text).toBe(true);
});

it("sends JSON with more elements and levels than a request may have", async () => {
  await using world = await wired();
  const body: unknown[] = Array.from({ length: 60_000 }, (_, at) => at);
  body.push(JSON.parse("[".repeat(30) + "]".repeat(30)));
  await world.apogee.topic("t").put();
  await world.apogee.topic("t").send(body);
  expect((await one(world.apogee, "t")).json()).toEqual(body);
});

it("refuses what is no body", async () => {
  await using world = await wired();
  await world.apogee.topic("t").put();
  const topic = world.apogee.topic("t");
  for (const body of [undefined, () => 1, Symbol("s"), "half \ud83c of a pair"]) {
    expect(await failure(topic.send(body))).toBeInstanceOf(TypeError);
  }
  expect(await failure(topic.send("x".repeat(4 * MIB + 1)))).toMatchObject({ code: "MESSAGE_BODY_TOO_LARGE", effect: "none" });
  expect(world.wire.count("/messages")).toBe(1);
});

it("sends tag, keys, properties and a message group", async () => {
  await using world = await wired();
  await world.apogee.topic("t").put({ type: "FIFO" });
  const options = { tag: "paid", keys: ["7", "x"], properties: { region: "EU" }, messageGroup: "g", messageId: "my-id" };
  await world.apogee.topic("t").send("a", options);
  expect(await one(world.apogee, "t")).toMatchObject(options);
});

it("sends with a priority", async () => {
  await using world = await wired();
  await world.apogee.topic("t").put({ type: "PRIORITY", queues: 3 });
  expect(await world.apogee.topic("t").send("a", { priority: 2 })).toMatchObject({ queueId: 2, status: "SEND_OK" });
});

it("delays by a duration, until a time, and tells seconds from milliseconds", async () => {
  await using world = await wired();
  const { apogee, clock } = world;
  const topic = apogee.topic("t");
  await topic.put({ type: "DELAY", queues: 1 });
  await topic.send("in 10 minutes", { delay: "10m" });
  await topic.send("in 5 minutes", { deliverAt: new Date(clock.now() + 300_000) });
  await topic.send("in 15 minutes", { deliverAt: clock.now() + 900_000 });
  await topic.send("in 5 seconds", { delayLevel: 2 });
  const seconds = Math.floor(clock.now() / 1_000) + 60;
  expect(await failure(topic.send("in seconds", { deliverAt: seconds }))).toMatchObject({ code: "BAD_REQUEST" });
  expect(await texts(topic.read())).toEqual([]);
  for (let minute = 0; minute < 16; minute++) await clock.advance("1m");
  expect(await texts(topic.read())).toEqual(["in 5 seconds", "in 5 minutes", "in 10 minutes", "in 15 minutes"]);
});

it("cancels and reschedules", async () => {
  await using world = await wired();
  const { apogee, clock } = world;
  const topic = apogee.topic("t");
  await topic.put({ type: "DELAY", queues: 1 });
  const first = await topic.send("first", { delay: "1h" });
  const second = await topic.send("second", { delay: "1h" });
  await topic.cancel(first.recallHandle!);
  const moved = await topic.reschedule(second.recallHandle!, { delay: "1m" });
  expect(Date.parse(moved.deliverAt)).toBeLessThan(clock.now() + 61_000);
  await clock.advance("2m");
  expect(await texts(topic.read())).toEqual(["second"]);
  expect(await failure(topic.cancel(second.recallHandle!))).toMatchObject({ code: "ALREADY_DELIVERED" });
});

it("sends a key once, and a producer's sequences once and in order", async () => {
  await using world = await wired();
  const topic = world.apogee.topic("t");
  await topic.put({ queues: 1 });
  await topic.send("a", { dedupKey: "k", dedupWindow: "10m" });
  expect(await topic.send("a again", { dedupKey: "k" })).toMatchObject({ duplicate: true });
  await topic.send("b", { producerId: "p", sequence: 1 });
  expect(await topic.send("b again", { producerId: "p", sequence: 1 })).toMatchObject({ duplicate: true });
  expect(await failure(topic.send("d", { producerId: "p", sequence: 3 }))).toMatchObject({
    code: "OUT_OF_ORDER_SEQUENCE",
    problem: { lastSequence: 1 },
  });
  expect(await texts(topic.read())).toEqual(["a", "b"]);
});

it("checks bodies by a schema, and types them", async () => {
  await using world = await wired();
  const schema = z.object({ id: z.number(), at: z.string().default("now") });
  const topic = world.apogee.topic("t", { schema });
  await topic.put();
  expectTypeOf(topic.send).parameter(0).toEqualTypeOf<{ id: number; at?: string | undefined }>();
  await topic.send({ id: 7 });
  expect((await one(world.apogee, "t")).json()).toEqual({ id: 7, at: "now" });
  const error = await failure(topic.send({ id: "7" } as unknown as { id: number }));
  expect(error).toBeInstanceOf(InvalidBody);
  expect((error as Error).message).toContain("id: ");
  expect(await failure(topic.sendBatch([{ body: { id: 1 } }, { body: {} as { id: number } }]))).toBeInstanceOf(InvalidBody);
  expect(await texts(topic.read())).toHaveLength(1);
});

it("dead-letters what the schema of a consumer does not accept, and types the rest", async () => {
  await using world = await wired();
  const { apogee } = world;
  await apogee.topic("t").put({ queues: 1 });
  await apogee.group("g").put();
  await apogee.group("g").subscribe("t", { startFrom: "earliest" });
  for (const body of [{ id: "no" }, "no JSON", { id: 7 }]) await apogee.topic("t").send(body);
  const consumer = apogee.consumer("g", { schema: z.object({ id: z.number() }) });
  const messages = await consumer.receive({ max: 3 });
  expectTypeOf(messages[0]!.json()).toEqualTypeOf<{ id: number }>();
  expect(messages.map((message) => message.json())).toEqual([{ id: 7 }]);
  await expect.poll(async () => (await apogee.group("g").deadLetters()).items.length).toBe(2);
});

it("sends the body as it was when it was handed over", async () => {
  await using world = await wired();
  const topic = world.apogee.topic("t");
  await topic.put();
  const producer = topic.producer();
  const body = { state: "before" };
  const sending = producer.send(body);
  await Promise.resolve();
  await Promise.resolve();
  await Promise.resolve();
  body.state = "after";
  await sending;
  expect((await one(world.apogee, "t")).json()).toEqual({ state: "before" });
});

it("says what is wrong with a send", async () => {
  await using world = await wired();
  const error = await failure(world.apogee.topic("nope").send("a"));
  expect(ApogeeError.is(error)).toBe(true);
  expect(error).toMatchObject({ name: "ApogeeError", code: "TOPIC_NOT_FOUND", status: 404, retryable: false, effect: "none" });
  expect((error as ApogeeError).requestId).toBe((error as ApogeeError).problem?.requestId);
  expect((error as ApogeeError).message).toMatch(/^TOPIC_NOT_FOUND: /);
});

it("lets the broker refuse a dedup key that is no text", async () => {
  await using world = await wired();
  await world.apogee.topic("t").put();
  const options = { dedupKey: 7 as unknown as string };
  expect(await failure(world.apogee.topic("t").send("a", options))).toMatchObject({ code: "BAD_REQUEST", effect: "none" });
});

it.each([
  ["ahead", 3_600_000],
  ["behind", -3_600_000],
  ["right", 0],
])("reschedules by the broker's clock, with a clock of its own that is %s", async (_, aheadMs) => {
  await using world = await wired();
  const { wire } = world;
  const clock = { now: () => world.clock.now() + aheadMs, sleep: world.clock.sleep.bind(world.clock) };
  const topic = new Apogee({ endpoint: "http://localhost", fetch: wire.fetch, clock }).topic("t");
  await topic.put({ type: "DELAY" });
  const { recallHandle } = await topic.send("a", { delay: "1h" });
  const { deliverAt } = await topic.reschedule(recallHandle!, { delay: "1m" });
  const inMs = Date.parse(deliverAt) - world.clock.now();
  expect(inMs).toBeGreaterThan(aheadMs === 0 ? 59_700 : 58_500);
  expect(inMs).toBeLessThan(61_100);
});

it("gives back what the schema of a consumer fails at, and asks it about all messages at once", async () => {
  await using world = await wired();
  const { apogee } = world;
  await apogee.topic("t").put({ queues: 1 });
  await apogee.group("g").put({ backoff: [0] });
  await apogee.group("g").subscribe("t", { startFrom: "earliest" });
  await apogee.topic("t").sendBatch([1, 2, 3].map((body) => ({ body })));
  const all = gate();
  let asked = 0;
  const schema = schemaOf(async (id) => {
    if (++asked === 3) all.open();
    await all.opened;
    if (id === 2 && asked === 3) throw new TypeError("the register is away");
    return { value: id };
  });
  const consumer = apogee.consumer("g", { schema });
  expect((await consumer.receive({ max: 3 })).map((message) => message.json())).toEqual([1, 3]);
  const [again] = await consumer.receive({ waitSeconds: 20 });
  expect([again?.json(), again?.attempt]).toEqual([2, 2]);
  expect((await apogee.group("g").deadLetters()).items).toEqual([]);
});

it("shows of a received message what the broker answered, and nothing of its own", async () => {
  await using world = await wired();
  const { apogee } = world;
  await apogee.topic("t").put();
  await apogee.group("g").put();
  await apogee.group("g").subscribe("t", { startFrom: "earliest" });
  await apogee.topic("t").send("a");
  let answered: unknown;
  world.wire.fail("/receive", async (pass) => {
    const response = await pass();
    answered = await response.clone().json();
    return response;
  });
  const messages = await apogee.consumer("g").receive({ waitSeconds: 1 });
  expect(JSON.parse(JSON.stringify({ messages }))).toEqual(answered);
});
