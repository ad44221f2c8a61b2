import { expect, it } from "vitest";
import { type ApogeeError, type ReceivedMessage, Reject } from "../../client/index.ts";
import { busy, eventually, failure, gate, problem, type Wired, wired } from "./wire.ts";

async function open(settings: Record<string, unknown> = {}, queues = 1): Promise<Wired> {
  const world = await wired();
  await world.apogee.topic("t").put({ queues });
  await world.apogee.group("g").put(settings);
  await world.apogee.group("g").subscribe("t", { startFrom: "earliest" });
  return world;
}

const send = ({ apogee }: Wired, ...bodies: unknown[]) => apogee.topic("t").sendBatch(bodies.map((body) => ({ body })));
const lag = async ({ apogee }: Wired) => {
  const { lag, inFlight } = await apogee.group("g").lag();
  return { lag, inFlight };
};
const quiet = { onError: () => undefined, handleSignals: false };

it("acks what the handler returns from", async () => {
  await using world = await open();
  await send(world, "a", "b");
  const seen: string[] = [];
  await using _ = world.apogee.consumer("g").run((message) => void seen.push(message.text()));
  await eventually(async () => expect(await lag(world)).toEqual({ lag: 0, inFlight: 0 }));
  expect(seen).toEqual(["a", "b"]);
});

it("acks in batches", async () => {
  await using world = await open();
  for (let batch = 0; batch < 3; batch++) await send(world, ...Array.from({ length: 100 }, (_, at) => at));
  let seen = 0;
  await using _ = world.apogee.consumer("g").run(() => void seen++, { concurrency: 100 });
  await eventually(async () => expect(await lag(world)).toEqual({ lag: 0, inFlight: 0 }));
  expect(seen).toBe(300);
  expect(world.wire.count("/settle")).toBeLessThan(30);
});

it("gives back what the handler throws at, with the group's backoff and the reason", async () => {
  await using world = await open({ backoff: [10], maxAttempts: 2 });
  await send(world, "a");
  const attempts: number[] = [];
  await using _ = world.apogee.consumer("g").run((message) => {
    attempts.push(message.attempt);
    throw new RangeError(`too much 🎈${"x".repeat(600)}`);
  });
  await eventually(() => expect(world.wire.count("/settle")).toBe(1));
  await world.clock.advance(9);
  expect(attempts).toEqual([1]);
  await world.clock.advance(2);
  await eventually(async () => expect((await world.apogee.group("g").deadLetters()).items).toHaveLength(1));
  expect(attempts).toEqual([1, 2]);
  const [letter] = (await world.apogee.group("g").deadLetters()).items;
  expect(letter?.reason).toMatch(/^RangeError: too much 🎈x+$/);
});

it.each([
  ["half a surrogate pair", new Error("half \ud83c of a pair"), "Error: half \ufffd of a pair"],
  ["a cut within a pair", new Error(`${"x".repeat(492)}🎈`), `Error: ${"x".repeat(492)}\ufffd`],
  ["no message", new Error(""), "Error"],
  ["a string", "out of stock", "out of stock"],
  ["nothing", undefined, "undefined"],
  ["an object that cannot be written", Object.create(null), "the handler threw an object"],
])("takes %s for a reason", async (_, thrown, reason) => {
  await using world = await open({ maxAttempts: 1 });
  await send(world, "a");
  await using _worker = world.apogee.consumer("g").run(() => {
    throw thrown;
  });
  await eventually(async () => expect((await world.apogee.group("g").deadLetters()).items[0]?.reason).toBe(reason));
});

it("makes a dead letter of what the handler rejects, also with the class of another copy of the package", async () => {
  await using world = await open();
  await send(world, "a", "b", "c");
  class Other extends Error {
    override readonly name = "Reject";
  }
  await using _ = world.apogee.consumer("g").run((message) => {
    if (message.text() === "a") throw new Reject("no such customer");
    if (message.text() === "b") throw new Other("nor such an order");
    throw new Reject("");
  });
  await eventually(async () => expect((await world.apogee.group("g").deadLetters()).items).toHaveLength(3));
  const { items } = await world.apogee.group("g").deadLetters();
  expect(items.map(({ attempts }) => attempts)).toEqual([1, 1, 1]);
  expect(items.map(({ reason }) => reason).sort()).toEqual(["", "no such customer", "nor such an order"]);
});

it("has no more handlers at work than it may", async () => {
  await using world = await open({}, 4);
  await send(world, ...Array.from({ length: 60 }, (_, at) => at));
  let atWork = 0;
  let most = 0;
  let seen = 0;
  await using _ = world.apogee.consumer("g").run(
    async () => {
      most = Math.max(most, ++atWork);
      await new Promise((resolve) => setTimeout(resolve, 1));
      atWork--;
      seen++;
    },
    { concurrency: 3 },
  );
  await eventually(() => expect(seen).toBe(60));
  expect(most).toBe(3);
});

it("settles by hand once, and acks nothing that was", async () => {
  await using world = await open({ backoff: [600] });
  await send(world, "ack", "nack", "dead", "none");
  await using _ = world.apogee.consumer("g").run(async (message) => {
    if (message.text() === "ack") await message.ack();
    if (message.text() === "nack") await message.nack({ delay: "250ms", reason: "later", countAttempt: false });
    if (message.text() === "dead") await message.deadLetter("by hand");
  });
  await eventually(async () => expect((await world.apogee.group("g").deadLetters()).items).toHaveLength(1));
  await eventually(async () => expect(await lag(world)).toEqual({ lag: 1, inFlight: 1 }));
  const nacked = world.wire.sent.flatMap(({ body }) => body?.nacks ?? []);
  expect(nacked).toMatchObject([{ delaySeconds: 1, countAttempt: false, reason: "later" }]);
});

it("rejects for a group that does not exist", async () => {
  await using world = await open();
  expect(await failure(world.apogee.consumer("nope").run(() => undefined))).toMatchObject({ code: "CONSUMER_GROUP_NOT_FOUND" });
});

it("rejects when its group is deleted, once it has drained", async () => {
  await using world = await open();
  await send(world, "a");
  const { opened, open: finish } = gate();
  let ended = false;
  const worker = world.apogee.consumer("g").run(async () => {
    await opened;
    ended = true;
  }, quiet);
  await eventually(() => expect(world.wire.count("/receive")).toBeGreaterThan(1));
  const rejects = failure(worker);
  await world.apogee.group("g").delete();
  // The long poll under way does not hear of it.
  await world.clock.advance(21);
  finish();
  expect(await rejects).toMatchObject({ code: "CONSUMER_GROUP_NOT_FOUND" });
  expect(ended).toBe(true);
});

it("waits for a broker that is away at the start, and while it works", async () => {
  await using world = await open();
  const errors: unknown[] = [];
  const seen: string[] = [];
  world.wire.fail("/g", "refused", 12);
  await using _ = world.apogee.consumer("g").run((message) => void seen.push(message.text()), {
    ...quiet,
    onError: (error) => errors.push(error),
  });
  await send(world, "a");
  await eventually(() => expect(seen).toEqual(["a"]));
  expect(errors).toMatchObject([{ code: "CONNECTION_FAILED" }]);
  world.wire.fail("/receive", "refused", 25);
  world.wire.fail("/receive", () => new Response("<html>the gateway's own page</html>", { status: 502 }), 15);
  world.wire.fail("/receive", () => new Response("<html>Welcome to the hotel!</html>"), 15);
  world.wire.fail("/receive", () => new Response("null"), 5);
  world.wire.fail("/receive", () => new Response(""), 5);
  await send(world, "ends the poll under way");
  await eventually(() => expect(errors.length).toBeGreaterThan(5));
  expect(new Set(errors.map((error) => (error as ApogeeError).code))).toEqual(
    new Set(["CONNECTION_FAILED", "HTTP_502", "HTTP_200"]),
  );
  await send(world, "b");
  await eventually(() => expect(seen).toEqual(["a", "ends the poll under way", "b"]));
});

it("acks again when an answer to that is lost or bad", async () => {
  await using world = await open();
  await send(world, "a");
  world.wire.fail("/settle", "lost");
  world.wire.fail("/settle", busy, 2);
  world.wire.fail("/settle", () => new Response("not JSON"));
  const seen: number[] = [];
  const errors: unknown[] = [];
  await using _ = world.apogee
    .consumer("g")
    .run((message) => void seen.push(message.attempt), { ...quiet, onError: (error) => errors.push(error) });
  await eventually(() => expect(world.wire.count("/settle")).toBe(5));
  await eventually(async () => expect(await lag(world)).toEqual({ lag: 0, inFlight: 0 }));
  expect(seen).toEqual([1]);
  expect(errors).toEqual([]);
});

it("spoils no ack by a settlement that the broker does not understand", async () => {
  await using world = await open();
  await send(world, "a", "b", "c");
  const told: [string, unknown][] = [];
  await using _ = world.apogee.consumer("g").run(
    async (message) => {
      if (message.text() === "b") await message.nack({ delay: "900d" });
    },
    { ...quiet, onError: (error, message) => void told.push([(message as ReceivedMessage).text(), error]) },
  );
  await eventually(async () => expect(await lag(world)).toEqual({ lag: 1, inFlight: 1 }));
});

it("receives a lost answer's messages by the same attempt", async () => {
  await using world = await open();
  await send(world, "a", "b");
  world.wire.fail("/receive", "lost", 2);
  const seen: string[] = [];
  await using _ = world.apogee.consumer("g").run((message) => void seen.push(`${message.text()} ${message.attempt}`), quiet);
  await eventually(() => expect(seen).toEqual(["a 1", "b 1"]));
});

it("leaves a process that has many workers without a warning", async () => {
  await using world = await open();
  const warnings: unknown[] = [];
  const warn = (warning: unknown): void => void warnings.push(warning);
  process.on("warning", warn);
  const workers = Array.from({ length: 12 }, () => world.apogee.consumer("g").run(() => undefined));
  await eventually(() => expect(world.wire.count("/receive")).toBe(12));
  await Promise.all(workers.map((worker) => worker.stop()));
  process.off("warning", warn);
  expect(warnings).toEqual([]);
  expect(process.listenerCount("SIGTERM")).toBe(0);
});

it("rejects for a key that the broker does not know", async () => {
  await using world = await open();
  world.wire.fail("/receive", problem(401, "UNAUTHORIZED", { retryable: false, effect: "none" }), 99);
  expect(await failure(world.apogee.consumer("g").run(() => undefined, quiet))).toMatchObject({ code: "UNAUTHORIZED" });
});
