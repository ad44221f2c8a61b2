import { expect, it } from "vitest";
import { eventually, failure, problem, texts, type Wired, wired } from "./wire.ts";

const batches = ({ wire }: Wired): string[][] =>
  wire.sent
    .filter(({ path }) => path.endsWith("/batch"))
    .map(({ body }) => body.entries.map(({ body }: { body: string }) => body));

const open = async (settings: { type?: "FIFO"; queues?: number } = { queues: 1 }): Promise<Wired> => {
  const world = await wired();
  await world.apogee.topic("t").put(settings);
  return world;
};

it("sends what comes in one turn in one call", async () => {
  await using world = await open();
  const producer = world.apogee.topic("t").producer();
  const receipts = await Promise.all(Array.from({ length: 30 }, (_, at) => producer.send(`${at}`)));
  expect(receipts.map(({ offset }) => offset)).toEqual(receipts.map((_, at) => `${at}`));
  expect(batches(world)).toHaveLength(1);
});

it("lingers as long as it is told to", async () => {
  await using world = await open();
  const producer = world.apogee.topic("t").producer({ lingerMs: 60_000 });
  const first = producer.send("a");
  await world.clock.advance(0);
  await world.clock.advance(30);
  const second = producer.send("b");
  await world.clock.advance(0);
  await world.clock.advance(29);
  expect(batches(world)).toEqual([]);
  await world.clock.advance(2);
  await Promise.all([first, second]);
  expect(batches(world)).toEqual([["a", "b"]]);
});

it("does not wait with as many messages, or as many bytes, as make a batch", async () => {
  await using world = await open();
  const byCount = world.apogee.topic("t").producer({ lingerMs: 60_000, maxMessages: 3 });
  await Promise.all(["a", "b", "c"].map((body) => byCount.send(body)));
  const byBytes = world.apogee.topic("t").producer({ lingerMs: 60_000, maxBytes: 2_000 });
  await Promise.all(["x".repeat(900), "y".repeat(1_200)].map((body) => byBytes.send(body)));
  expect(batches(world).map((batch) => batch.map(([first]) => first).join(""))).toEqual(["abc", "x", "y"]);
});

it("counts bytes as the request has them", async () => {
  await using world = await open();
  const producer = world.apogee.topic("t").producer({ maxBytes: 4 * 1_024 * 1_024 });
  const bodies = Array.from({ length: 12 }, () => "語".repeat(170_000)).concat(
    Array.from({ length: 12 }, () => "\u0001".repeat(170_000)),
  );
  await Promise.all(bodies.map((body) => producer.send(body)));
  expect(await texts(world.apogee.topic("t").read())).toHaveLength(24);
});

it("flushes", async () => {
  await using world = await open();
  const producer = world.apogee.topic("t").producer({ lingerMs: 60_000 });
  const sent = Promise.all([producer.send("a"), producer.send("b")]);
  await producer.flush();
  expect(batches(world)).toEqual([["a", "b"]]);
  await sent;
  await producer.flush();
});

it("flushes what was sent so far, whatever comes after it", async () => {
  await using world = await open();
  const producer = world.apogee.topic("t").producer({ maxMessages: 1 });
  void producer.send("first");
  let isFlushed = false;
  const flushed = producer.flush().then(() => {
    isFlushed = true;
  });
  // There is always a call under way, since each of two senders sends on as soon as it may.
  let more = 0;
  const sendOn = async (): Promise<void> => {
    while (!isFlushed && more < 300) await producer.send(`${more++}`);
  };
  await Promise.all([sendOn(), sendOn().then(() => undefined), flushed]);
  expect(more).toBeLessThan(100);
});

it("flushes at the end of its scope", async () => {
  await using world = await open();
  {
    await using producer = world.apogee.topic("t").producer({ lingerMs: 60_000 });
    void producer.send("a");
  }
  expect(await texts(world.apogee.topic("t").read())).toEqual(["a"]);
});

it("keeps the order of each message group, whatever fails", async () => {
  await using world = await open({ type: "FIFO", queues: 4 });
  const topic = world.apogee.topic("t");
  const producer = topic.producer({ maxMessages: 3, maxInFlight: 4 });
  for (const fault of ["lost", "refused", "lost"] as const) world.wire.fail("/batch", fault, 2);
  const sends: Promise<unknown>[] = [];
  for (let at = 0; at < 60; at++)
    for (const messageGroup of ["a", "b"]) sends.push(producer.send(`${messageGroup}${at}`, { messageGroup }));
  await Promise.all(sends);
  const all = await texts(topic.read());
  for (const group of ["a", "b"])
    expect(all.filter((text) => text.startsWith(group))).toEqual(Array.from({ length: 60 }, (_, at) => `${group}${at}`));
});

it("keeps a producer's sequences in order, across message groups", async () => {
  await using world = await open({ type: "FIFO", queues: 4 });
  const topic = world.apogee.topic("t");
  const producer = topic.producer({ maxMessages: 1, maxInFlight: 4 });
  world.wire.fail("/batch", "refused", 2);
  const sends = Array.from({ length: 20 }, (_, at) =>
    producer.send(`${at}`, { messageGroup: `g${at % 5}`, producerId: "p", sequence: at }),
  );
  await Promise.all(sends);
  expect(await texts(topic.read())).toHaveLength(20);
});

it("makes calls for other groups while one is held up", async () => {
  await using world = await open({ type: "FIFO", queues: 4 });
  const producer = world.apogee.topic("t").producer({ maxMessages: 1 });
  world.wire.fail("/batch", "hangs");
  void producer.send("stuck", { messageGroup: "a" });
  void producer.send("behind it", { messageGroup: "a" });
  await producer.send("free", { messageGroup: "b" });
  expect(batches(world)).toEqual([["stuck"], ["free"]]);
});

it("has no more calls at once than it may", async () => {
  await using world = await open();
  const producer = world.apogee.topic("t").producer({ maxMessages: 1, maxInFlight: 2 });
  world.wire.fail("/batch", "hangs", 9);
  for (const body of ["a", "b", "c"]) void producer.send(body);
  await world.clock.advance(1);
  expect(batches(world)).toEqual([["a"], ["b"]]);
});

it("lets senders wait while its buffer is full, and goes on", async () => {
  await using world = await open();
  const producer = world.apogee.topic("t").producer({ lingerMs: 60_000, maxBufferedBytes: 1_000 });
  const sends = Array.from({ length: 12 }, (_, at) => producer.send(`${at}`.padEnd(800, ".")));
  await eventually(() => expect(batches(world).length).toBeGreaterThanOrEqual(11));
  await producer.flush();
  await Promise.all(sends);
  expect((await texts(world.apogee.topic("t").read())).map((text) => Number.parseInt(text, 10))).toEqual(
    sends.map((_, at) => at),
  );
});

it("tells each sender of its own failure", async () => {
  await using world = await open();
  const producer = world.apogee.topic("t").producer();
  const results = await Promise.allSettled([
    producer.send("a"),
    producer.send(""),
    producer.send("b", { properties: { p: "\ud800" } }),
    producer.send(() => 1),
    producer.send("c"),
  ]);
  expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "rejected", "rejected", "fulfilled"]);
  expect(results.flatMap((result) => (result.status === "rejected" ? [result.reason.code ?? result.reason.name] : []))).toEqual([
    "MESSAGE_BODY_EMPTY",
    "BAD_REQUEST",
    "TypeError",
  ]);
  expect(await texts(world.apogee.topic("t").read())).toEqual(["a", "c"]);
});

it("tells all senders of a call that failed, and goes on", async () => {
  await using world = await open();
  const producer = world.apogee.topic("t").producer();
  world.wire.fail("/batch", problem(403, "FORBIDDEN", { retryable: false, effect: "none" }));
  const failing = [producer.send("a"), producer.send("b")].map(failure);
  for (const error of await Promise.all(failing)) expect(error).toMatchObject({ code: "FORBIDDEN" });
  await producer.send("c");
});

it.each([{ maxInFlight: 0 }, { maxMessages: 0 }])("sends all the same with %o", async (options) => {
  await using world = await open();
  const producer = world.apogee.topic("t").producer(options);
  await Promise.all([producer.send("a"), producer.send("b")]);
  expect(await texts(world.apogee.topic("t").read())).toEqual(["a", "b"]);
});
