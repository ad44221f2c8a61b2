import { expect, it } from "vitest";
import { problem, texts, type Wired, wired } from "./wire.ts";

interface Entry {
  readonly producerId?: string;
  readonly sequence?: number;
  readonly dedupKey?: string;
}

const batches = ({ wire }: Wired): readonly Entry[][] =>
  wire.sent.filter(({ path }) => path.endsWith("/batch")).map(({ body }) => body.entries);

const numbersOf = (entries: readonly Entry[]): readonly (number | undefined)[] => entries.map(({ sequence }) => sequence);

const bodies = (...names: readonly string[]) => names.map((body) => ({ body }));

it("numbers the messages of a batch, and the next batch goes on", async () => {
  await using world = await wired();
  await world.apogee.topic("t").put();
  await world.apogee.topic("t").sendBatch(bodies("a", "b", "c"));
  await world.apogee.topic("t").sendBatch(bodies("d", "e"));
  const [first = [], second = []] = batches(world);
  expect([numbersOf(first), numbersOf(second)]).toEqual([
    [0, 1, 2],
    [3, 4],
  ]);
  expect(new Set([...first, ...second].map(({ producerId }) => producerId)).size).toBe(1);
  expect(first.some((entry) => "dedupKey" in entry)).toBe(false);
});

it("gives batches that are under way at once producers of their own", async () => {
  await using world = await wired();
  await world.apogee.topic("t").put();
  const results = await Promise.all([1, 2, 3].map(() => world.apogee.topic("t").sendBatch(bodies("a", "b"))));
  expect(results.flat().every((result) => "offset" in result)).toBe(true);
  expect(new Set(batches(world).map(([entry]) => entry?.producerId)).size).toBe(3);
});

it("stores a batch once whose answer was lost, and uses the producer again", async () => {
  await using world = await wired();
  const topic = world.apogee.topic("t");
  await topic.put({ queues: 1 });
  world.wire.fail("/batch", "lost", 2);
  const results = await topic.sendBatch(bodies("a", "b"));
  expect(results).toMatchObject([{ duplicate: true }, { duplicate: true }]);
  await topic.sendBatch(bodies("c", "d"));
  expect(await texts(topic.read())).toEqual(["a", "b", "c", "d"]);
  expect(batches(world).map(numbersOf)).toEqual([
    [0, 1],
    [0, 1],
    [0, 1],
    [2, 3],
  ]);
});

it("uses no producer again that may have a gap", async () => {
  await using world = await wired({ retry: { maxAttempts: 1 } });
  const topic = world.apogee.topic("t");
  await topic.put({ queues: 1 });
  world.wire.fail("/batch", "lost");
  await expect(topic.sendBatch(bodies("a", "b"))).rejects.toMatchObject({ effect: "unknown" });
  await topic.sendBatch(bodies("c", "d"));
  const [lost, next] = batches(world);
  expect(numbersOf(next ?? [])).toEqual([0, 1]);
  expect(next?.[0]?.producerId).not.toBe(lost?.[0]?.producerId);
  expect(await texts(topic.read())).toEqual(["a", "b", "c", "d"]);
});

it("sends those behind one that was refused by their keys", async () => {
  await using world = await wired();
  const topic = world.apogee.topic("t");
  await topic.put({ queues: 1 });
  const results = await topic.sendBatch(bodies("a", "", "b", "c"));
  expect(results).toMatchObject([{ offset: "0" }, { code: "MESSAGE_BODY_EMPTY" }, { offset: "1" }, { offset: "2" }]);
  const [numbered, keyed = []] = batches(world);
  expect(numbersOf(numbered ?? [])).toEqual([0, 1, 2, 3]);
  expect(keyed.map(({ dedupKey, sequence }) => [typeof dedupKey, sequence])).toEqual([
    ["string", undefined],
    ["string", undefined],
  ]);
});

it("uses no producer again of which one was refused: the next batch takes one call", async () => {
  await using world = await wired();
  const topic = world.apogee.topic("t");
  await topic.put({ queues: 1 });
  await topic.sendBatch(bodies("a", "", "b", "c"));
  const before = world.wire.count("/batch");
  expect(await topic.sendBatch(bodies("d", "e"))).toMatchObject([{ offset: "3" }, { offset: "4" }]);
  expect(world.wire.count("/batch")).toBe(before + 1);
});

it("repeats none that the broker may have forgotten", async () => {
  await using world = await wired();
  const topic = world.apogee.topic("t");
  await topic.put({ queues: 1 });
  world.wire.fail("/batch", async (pass) => {
    await pass();
    // As a program that is suspended in the middle of a call.
    await world.clock.advance("8d");
    throw new TypeError("fetch failed");
  });
  await expect(topic.sendBatch(bodies("a", "b"))).rejects.toMatchObject({ effect: "unknown" });
  expect(world.wire.count("/batch")).toBe(1);
});

it("stores those behind it once, also where the answer to their keys is lost", async () => {
  await using world = await wired();
  const topic = world.apogee.topic("t");
  await topic.put({ queues: 1 });
  world.wire.fail("/batch", "lost", 1, 1);
  await topic.sendBatch(bodies("a", "", "b", "c"));
  expect(await texts(topic.read())).toEqual(["a", "b", "c"]);
});

it("goes on after a broker that was busy", async () => {
  await using world = await wired();
  const topic = world.apogee.topic("t");
  await topic.put({ queues: 1 });
  world.wire.fail("/batch", problem(503, "SERVER_BUSY"), 2);
  expect(await topic.sendBatch(bodies("a", "b"))).toMatchObject([{ duplicate: false }, { duplicate: false }]);
  expect(await texts(topic.read())).toEqual(["a", "b"]);
});

it("leaves keys to messages that go to queues of their own, or later, or have an identity", async () => {
  await using world = await wired();
  await world.apogee.topic("t").put({ type: "MIXED" });
  for (const more of [{ messageGroup: "g" }, { delay: 60 }, { dedupKey: "k" }])
    await world.apogee.topic("t").sendBatch([{ body: "a" }, { body: "b", ...more }]);
  expect(batches(world).map((entries) => entries.map(({ dedupKey }) => typeof dedupKey))).toEqual([
    ["string", "string"],
    ["string", "string"],
    ["string", "string"],
  ]);
});

it("does not forget what may have been stored by its number when it fails by its key", async () => {
  await using world = await wired();
  await world.apogee.topic("t").put({ queues: 1 });
  const failed = (code: string, retryable: boolean, effect: string) => ({
    status: "error",
    error: { code, detail: "x", retryable, effect },
  });
  const stored = { messageId: "m", topic: "t", status: "SEND_OK", duplicate: false, queueId: 0, offset: "0" };
  const outOfOrder = failed("OUT_OF_ORDER_SEQUENCE", false, "none");
  const answers = [
    [stored, failed("STORE_UNAVAILABLE", true, "unknown"), outOfOrder],
    [outOfOrder],
    [failed("MESSAGE_ILLEGAL", false, "none"), failed("MESSAGE_ILLEGAL", false, "none")],
  ];
  for (const results of answers) world.wire.fail("/batch", () => Response.json({ results }));
  expect(await world.apogee.topic("t").sendBatch(bodies("a", "b", "c"))).toMatchObject([
    { messageId: "m" },
    { code: "MESSAGE_ILLEGAL", effect: "unknown" },
    { code: "MESSAGE_ILLEGAL", effect: "none" },
  ]);
});
