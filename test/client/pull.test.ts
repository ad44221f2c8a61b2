import { expect, it } from "vitest";
import { eventually, failure, gate, problem, texts, type Wired, wired } from "./wire.ts";

async function open(queues = 1, settings: Record<string, unknown> = {}): Promise<Wired> {
  const world = await wired();
  await world.apogee.topic("t").put({ queues, ...settings });
  return world;
}

const send = ({ apogee }: Wired, ...bodies: unknown[]) => apogee.topic("t").sendBatch(bodies.map((body) => ({ body })));

/** Takes so many of what comes, and then leaves. */
async function take(iterable: AsyncIterable<{ text(): string }>, count: number): Promise<string[]> {
  const taken: string[] = [];
  for await (const message of iterable) {
    taken.push(message.text());
    if (taken.length === count) break;
  }
  return taken;
}

it("reads a queue to its end", async () => {
  await using world = await open();
  const bodies = Array.from({ length: 70 }, (_, at) => `${at}`);
  await send(world, ...bodies);
  expect(await texts(world.apogee.topic("t").queue(0).read())).toEqual(bodies);
  expect(await texts(world.apogee.topic("t").queue(0).read({ from: "latest" }))).toEqual([]);
});

it("reads from an offset, and from a time", async () => {
  await using world = await open();
  await send(world, "a", "b");
  await world.clock.advance(10);
  const from = new Date(world.clock.now());
  await send(world, "c", "d");
  const queue = world.apogee.topic("t").queue(0);
  expect(await texts(queue.read({ from: { offset: 1 } }))).toEqual(["b", "c", "d"]);
  expect(await texts(queue.read({ from: { offset: 3n } }))).toEqual(["d"]);
  expect(await texts(queue.read({ from }))).toEqual(["c", "d"]);
  expect(await failure(texts(queue.read({ from: { offset: 9 } })))).toMatchObject({ code: "OFFSET_ILLEGAL" });
  expect(await failure(texts(world.apogee.topic("t").queue(7).read()))).toMatchObject({ status: 404 });
});

it("reads what a filter lets through, however far apart", async () => {
  await using world = await open();
  const topic = world.apogee.topic("t");
  await topic.sendBatch(
    Array.from({ length: 1_500 }, (_, at) => ({ body: at, tag: at % 700 === 0 ? "A" : "B", properties: { n: `${at}` } })),
  );
  expect(await texts(topic.queue(0).read({ tag: "A" }))).toEqual(["0", "700", "1400"]);
  expect(await texts(topic.read({ filter: "n > 1497" }))).toEqual(["1498", "1499"]);
  expect(await failure(texts(topic.read({ filter: "n >" })))).toMatchObject({
    code: "ILLEGAL_FILTER_EXPRESSION",
    problem: { line: 1 },
  });
});

it("reads the queues of a topic merged by store time", async () => {
  await using world = await open(4);
  const bodies = Array.from({ length: 40 }, (_, at) => `${at}`);
  for (const body of bodies) {
    await world.apogee.topic("t").send(body);
    await world.clock.advance("5ms");
  }
  expect(await texts(world.apogee.topic("t").read())).toEqual(bodies);
});

it("follows a queue from its end, and ends with its signal", async () => {
  await using world = await open();
  await send(world, "before");
  const stopping = new AbortController();
  const seen: string[] = [];
  const following = (async () => {
    for await (const message of world.apogee.topic("t").queue(0).follow({ signal: stopping.signal })) seen.push(message.text());
  })();
  await eventually(() => expect(world.wire.sent.at(-1)?.path).toContain("waitSeconds=20"));
  await send(world, "a");
  await eventually(() => expect(seen).toEqual(["a"]));
  await send(world, "b", "c");
  await eventually(() => expect(seen).toEqual(["a", "b", "c"]));
  stopping.abort();
  await following;
});

it("tails all queues as messages come, and misses none while the broker is away", async () => {
  await using world = await open(3);
  await send(world, "0");
  const tail = take(world.apogee.topic("t").tail({ from: "earliest" }), 31);
  const waiting = () =>
    new Set(world.wire.sent.filter(({ path }) => path.includes("waitSeconds=20")).map(({ path }) => path.split("?")[0]));
  await eventually(() => expect(waiting().size).toBe(3));
  for (let queue = 0; queue < 3; queue++) world.wire.fail(`/queues/${queue}/messages`, queue === 1 ? "lost" : "refused", 25);
  for (let at = 1; at < 31; at++) await world.apogee.topic("t").send(`${at}`);
  expect((await tail).map(Number).sort((a, b) => a - b)).toEqual(Array.from({ length: 31 }, (_, at) => at));
});

it("goes on at the first message there is, when those before it have expired", async () => {
  await using world = await open(1, { retentionHours: 1 });
  await send(world, "a", "b");
  const seen: string[] = [];
  const stopping = new AbortController();
  const reader = (async () => {
    for await (const message of world.apogee.topic("t").queue(0).follow({ from: "earliest", signal: stopping.signal })) {
      seen.push(message.text());
      if (seen.length > 1) continue;
      await world.clock.advance("2h");
      await send(world, "c", "d");
    }
  })();
  await eventually(() => expect(seen).toEqual(["a", "b", "c", "d"]));
  expect(
    await texts(
      world.apogee
        .topic("t")
        .queue(0)
        .read({ from: { offset: 0 } }),
    ),
  ).toEqual(["c", "d"]);
  stopping.abort();
  await reader;
});

it("reads a topic that was made anew from its first message", async () => {
  await using world = await open();
  await send(world, "a", "b", "c");
  const { opened, open: goOn } = gate();
  const seen: string[] = [];
  const stopping = new AbortController();
  const reader = (async () => {
    for await (const message of world.apogee.topic("t").queue(0).follow({ from: "earliest", signal: stopping.signal })) {
      seen.push(message.text());
      if (message.text() === "c") await opened;
    }
  })();
  await eventually(() => expect(seen).toEqual(["a", "b", "c"]));
  await world.apogee.topic("t").delete();
  await world.apogee.topic("t").put({ queues: 1 });
  await send(world, "d", "e");
  goOn();
  await eventually(() => expect(seen).toEqual(["a", "b", "c", "d", "e"]));
  stopping.abort();
  await reader;
});

it("throws for what does not pass when the loop comes to it, and leaves no rejection unhandled", async () => {
  await using world = await open(2);
  const topic = world.apogee.topic("t");
  await topic.send("a");
  const unauthorized = problem(401, "UNAUTHORIZED", { retryable: false, effect: "none" });
  for (let queue = 0; queue < 2; queue++) world.wire.fail(`/queues/${queue}/messages`, unauthorized, 99, 1);
  const unhandled: unknown[] = [];
  const listen = (error: unknown): void => void unhandled.push(error);
  process.on("unhandledRejection", listen);
  const seen: string[] = [];
  const reading = async (): Promise<void> => {
    for await (const message of topic.tail({ from: "earliest" })) {
      seen.push(message.text());
      await world.clock.advance(0);
    }
  };
  expect(await failure(reading())).toMatchObject({ code: "UNAUTHORIZED" });
  process.off("unhandledRejection", listen);
  expect(seen).toEqual(["a"]);
  expect(unhandled).toEqual([]);
});

it("leaves nothing behind when a loop is left", async () => {
  await using world = await open(2);
  await send(world, "a");
  expect(await take(world.apogee.topic("t").tail({ from: "earliest" }), 1)).toEqual(["a"]);
  const polls = world.wire.sent.length;
  await world.clock.advance(60);
  expect(world.wire.sent.length).toBe(polls);
});

it.each(["read", "tail"] as const)("ends a %s by a signal, whenever it aborts", async (how) => {
  await using world = await open(2);
  expect(await texts(world.apogee.topic("t")[how]({ signal: AbortSignal.abort() }))).toEqual([]);
  const stopping = new AbortController();
  world.wire.fail("/queues", "hangs");
  const reading = texts(world.apogee.topic("t")[how]({ signal: stopping.signal }));
  await eventually(() => expect(world.wire.count("/queues")).toBe(1));
  stopping.abort();
  expect(await reading).toEqual([]);
});
