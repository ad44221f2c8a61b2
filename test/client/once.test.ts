import { describe, expect, it } from "vitest";
import { Apogee, type ApogeeError } from "../../client/index.ts";
import { busy, eventually, failure, problem, texts, type Wired, wired } from "./wire.ts";

const open = async (queues = 1): Promise<Wired> => {
  const world = await wired();
  await world.apogee.topic("t").put({ queues });
  return world;
};

describe("an answer that was lost", () => {
  it("of a send: stored once", async () => {
    await using world = await open();
    world.wire.fail("/messages", "lost", 2);
    expect(await world.apogee.topic("t").send("a")).toMatchObject({ duplicate: true });
    expect(await texts(world.apogee.topic("t").read())).toEqual(["a"]);
  });

  it("of a batch: stored once", async () => {
    await using world = await open();
    world.wire.fail("/batch", "lost");
    const results = await world.apogee.topic("t").sendBatch([{ body: "a" }, { body: "b" }]);
    expect(results).toMatchObject([{ duplicate: true }, { duplicate: true }]);
    expect(await texts(world.apogee.topic("t").read())).toEqual(["a", "b"]);
  });

  it("of a producer: stored once", async () => {
    await using world = await open();
    world.wire.fail("/batch", "lost");
    const producer = world.apogee.topic("t").producer();
    await Promise.all([producer.send("a"), producer.send("b")]);
    expect(await texts(world.apogee.topic("t").read())).toEqual(["a", "b"]);
  });

  it("of a send without an identity: it fails, and is not repeated", async () => {
    await using world = await open();
    world.wire.fail("/messages", "lost");
    const error = await failure(world.apogee.topic("t").send("a", { dedupKey: false }));
    expect(error).toMatchObject({ code: "CONNECTION_FAILED", status: 0, effect: "unknown", retryable: true });
    expect(world.wire.count("/messages")).toBe(1);
  });

  it("of a batch with an entry without an identity: only the others may be repeated, so none is", async () => {
    await using world = await open();
    world.wire.fail("/batch", "lost");
    const error = await failure(world.apogee.topic("t").sendBatch([{ body: "a", dedupKey: false }, { body: "b" }]));
    expect(error).toMatchObject({ code: "CONNECTION_FAILED", effect: "unknown" });
    expect(await texts(world.apogee.topic("t").read())).toEqual(["a", "b"]);
  });

  it("where no message has an identity by default", async () => {
    await using world = await open();
    const apogee = new Apogee({ endpoint: "http://localhost", fetch: world.wire.fetch, clock: world.clock, identities: false });
    world.wire.fail("/messages", "lost");
    expect(await failure(apogee.topic("t").send("a"))).toMatchObject({ effect: "unknown" });
    world.wire.fail("/messages", "lost");
    expect(await apogee.topic("t").send("b", { dedupKey: "k" })).toMatchObject({ duplicate: true });
    expect(await texts(world.apogee.topic("t").read())).toEqual(["a", "b"]);
  });

  it("of a redrive: dead letters are delivered once", async () => {
    await using world = await open();
    const { apogee, wire } = world;
    await apogee.group("g").put();
    await apogee.group("g").subscribe("t", { startFrom: "earliest" });
    await apogee.topic("t").send("a");
    const consumer = apogee.consumer("g");
    for (const message of await consumer.receive()) await message.deadLetter("broken");
    wire.fail("/redrive", "lost");
    expect(await apogee.group("g").redrive()).toMatchObject({ moved: 1 });
    const again = await consumer.receive({ max: 10 });
    expect(again.map((message) => message.text())).toEqual(["a"]);
    expect(await consumer.receive({ max: 10 })).toEqual([]);
  });

  it("of a deletion: what is gone was deleted", async () => {
    await using world = await open();
    world.wire.fail("/t", "lost");
    await world.apogee.topic("t").delete();
    expect(world.wire.count("/t")).toBe(3);
  });

  it("but what was not there before is an error, however busy the broker was", async () => {
    await using world = await open();
    world.wire.fail("/nope", busy);
    expect(await failure(world.apogee.topic("nope").delete())).toMatchObject({ code: "TOPIC_NOT_FOUND" });
  });
});

it("does not say that nothing was changed once an attempt may have changed something", async () => {
  await using world = await open();
  world.wire.fail("/messages", "lost");
  world.wire.fail("/messages", busy, 20);
  const error = (await failure(world.apogee.topic("t").send("a"))) as ApogeeError;
  expect(error).toMatchObject({ code: "SERVER_BUSY", status: 503, effect: "unknown", problem: { effect: "none" } });
  expect(error.message).toBe("SERVER_BUSY: as the test wants it");
  world.wire.mend();
  expect(await texts(world.apogee.topic("t").read())).toEqual(["a"]);
});

it("says of each entry of a batch what may have become of it", async () => {
  await using world = await open();
  const entry = (effect: string) => ({
    status: "error",
    error: { code: "STORE_UNAVAILABLE", detail: "x", retryable: true, effect },
  });
  const once = (...effects: string[]) => world.wire.fail("/batch", () => Response.json({ results: effects.map(entry) }));
  once("unknown", "none", "none");
  once("none", "none", "none");
  world.wire.fail("/batch", problem(401, "UNAUTHORIZED", { retryable: false, effect: "none" }));
  const results = await world.apogee.topic("t").sendBatch([{ body: "a" }, { body: "b" }, { body: "c" }]);
  expect(results).toMatchObject([
    { code: "UNAUTHORIZED", effect: "unknown" },
    { code: "UNAUTHORIZED", effect: "none" },
    { code: "UNAUTHORIZED", effect: "none" },
  ]);
});

it("does not repeat a send when its key may be forgotten", async () => {
  await using world = await open();
  const { clock, wire, apogee } = world;
  const lateAnswer = (afterSeconds: number) => () => {
    void clock.advance(afterSeconds);
    throw new TypeError("fetch failed");
  };
  wire.fail("/messages", lateAnswer(200));
  expect(await apogee.topic("t").send("in time")).toMatchObject({ duplicate: false });
  wire.fail("/messages", lateAnswer(200), 2);
  expect(await failure(apogee.topic("t").send("late"))).toMatchObject({ code: "CONNECTION_FAILED", effect: "unknown" });
  wire.fail("/messages", lateAnswer(2_000), 2);
  expect(await apogee.topic("t").send("by a key of a day", { dedupKey: "k" })).toMatchObject({ duplicate: false });
  expect(await texts(apogee.topic("t").read())).toEqual(["in time", "by a key of a day"]);
});

it("goes on with a send that certainly did nothing, however late", async () => {
  await using world = await open();
  world.wire.fail("/messages", () => {
    void world.clock.advance(400);
    return busy();
  });
  expect(await world.apogee.topic("t").send("a")).toMatchObject({ duplicate: false });
});

it("counts the time of a key from the first call of a batch on", async () => {
  await using world = await open();
  const error = { code: "STORE_UNAVAILABLE", detail: "x", retryable: true, effect: "unknown" };
  world.wire.fail("/batch", async () => {
    await world.clock.advance(200);
    return Response.json({ results: [{ status: "error", error }] });
  });
  world.wire.fail("/batch", async () => {
    await world.clock.advance(200);
    return busy();
  });
  expect(await world.apogee.topic("t").sendBatch([{ body: "a" }])).toMatchObject([{ code: "SERVER_BUSY", effect: "unknown" }]);
  expect(world.wire.count("/batch")).toBe(2);
});

it("does not say that an entry was not stored once an attempt of its call may have stored it", async () => {
  await using world = await open();
  const failed = (retryable: boolean) => ({ status: "error", error: { code: "X", detail: "x", retryable, effect: "none" } });
  world.wire.fail("/batch", async (pass) => {
    await pass();
    await world.clock.advance(100);
    throw new TypeError("fetch failed");
  });
  world.wire.fail("/batch", async () => {
    await world.clock.advance(200);
    return Response.json({ results: [failed(true), failed(false)] });
  });
  const results = await world.apogee.topic("t").sendBatch([
    { body: "a", dedupKey: "a", dedupWindow: "5m" },
    { body: "b", dedupKey: "b", dedupWindow: "5m" },
  ]);
  // The first is not sent again, since the broker may have forgotten its key.
  expect(results).toMatchObject([{ effect: "unknown" }, { effect: "none" }]);
  expect(world.wire.count("/batch")).toBe(2);
});

it("asks for checks once, and for the next by another key", async () => {
  await using world = await wired();
  await world.apogee.topic("t").put({ type: "TRANSACTION", queues: 1 });
  const begin = () =>
    world.apogee.call("post", "/v1/topics/{topic}/transactions", {
      path: { topic: "t" },
      body: { body: "a", producerGroup: "p", checkAfterSeconds: 1 },
    });
  const { transactionId } = await begin();
  await world.clock.advance(3);
  world.wire.fail("/receive", "lost");
  const asked: string[] = [];
  await using checks = world.apogee.onCheck("p", (check) => {
    asked.push(`${check.transactionId} ${check.checkNumber}`);
    return "commit";
  });
  await eventually(() => expect(asked).toEqual([`${transactionId} 1`]));
  await eventually(() => expect(world.wire.count("/receive")).toBe(3));
  const keys = world.wire.sent.flatMap(({ path, headers }) =>
    path.endsWith("/receive") ? [headers.get("idempotency-key")] : [],
  );
  expect(keys[0]).toBeTruthy();
  expect(keys[1]).toBe(keys[0]);
  expect(keys[2]).not.toBe(keys[0]);
  await checks.stop();
});
