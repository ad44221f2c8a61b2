import { expect, it } from "vitest";
import { type ApogeeError, ApogeeError as Errors } from "../../client/index.ts";
import { failure, problem, texts, wired } from "./wire.ts";

const MIB = 1_024 * 1_024;

it("sends more than a hundred in calls of a hundred, and answers in order", async () => {
  await using world = await wired();
  const topic = world.apogee.topic("t");
  await topic.put({ queues: 1 });
  const messages = Array.from({ length: 250 }, (_, at) => ({ body: `${at}`, keys: [`${at}`] }));
  const results = await topic.sendBatch(messages);
  expect(world.wire.sent.filter(({ path }) => path.endsWith("/batch")).map(({ body }) => body.entries.length)).toEqual([
    100, 100, 50,
  ]);
  expect(results.map((result) => "offset" in result && result.offset)).toEqual(messages.map((_, at) => `${at}`));
  expect(await texts(topic.read())).toEqual(messages.map(({ body }) => body));
  expect(await topic.sendBatch([])).toEqual([]);
});

it.each([
  ["text of one byte a character", "x".repeat(1.5 * MIB)],
  ["text of three", "語".repeat(MIB / 2)],
  ["text that JSON makes longer", "\u0001".repeat(400_000)],
  ["bytes", new Uint8Array(1.5 * MIB)],
])("sends more than 4 MiB of %s", async (_, body) => {
  await using world = await wired();
  const topic = world.apogee.topic("t");
  await topic.put({ queues: 1 });
  const results = await topic.sendBatch(Array.from({ length: 5 }, () => ({ body })));
  expect(results.filter((result) => "offset" in result)).toHaveLength(5);
  expect(world.wire.count("/batch")).toBeGreaterThan(1);
});

it("says which failed, and stores the others", async () => {
  await using world = await wired();
  const topic = world.apogee.topic("t");
  await topic.put({ queues: 1 });
  const results = await topic.sendBatch([{ body: "a" }, { body: "", keys: ["k"] }, { body: "b", tag: "*" }, { body: "c" }]);
  expect(results).toMatchObject([
    { status: "SEND_OK" },
    { code: "MESSAGE_BODY_EMPTY", retryable: false, effect: "none" },
    { code: "BAD_REQUEST" },
    { status: "SEND_OK" },
  ]);
  expect(results.map(Errors.is)).toEqual([false, true, true, false]);
  expect(await texts(topic.read())).toEqual(["a", "c"]);
});

it("finds the one that spoils the call, and stores the others in order", async () => {
  await using world = await wired();
  const topic = world.apogee.topic("t");
  await topic.put({ queues: 1 });
  const messages = Array.from({ length: 50 }, (_, at) => ({ body: `${at}`, properties: { a: at === 17 ? "\ud800" : "x" } }));
  const results = await topic.sendBatch(messages);
  expect(results.flatMap((result, at) => (Errors.is(result) ? [[at, result.code]] : []))).toEqual([[17, "BAD_REQUEST"]]);
  expect(await texts(topic.read())).toEqual(messages.map(({ body }) => body).filter((body) => body !== "17"));
});

it("asks once only where the whole call is wrong", async () => {
  await using world = await wired();
  expect(await failure(world.apogee.topic("nope").sendBatch([{ body: "a" }, { body: "b" }]))).toMatchObject({
    code: "TOPIC_NOT_FOUND",
  });
  expect(await failure(world.apogee.topic("no name").sendBatch([{ body: "a" }, { body: "b" }]))).toMatchObject({
    code: "ILLEGAL_TOPIC",
  });
  expect(world.wire.sent).toHaveLength(2);
});

it("repeats entries that may succeed later, in their places", async () => {
  await using world = await wired();
  const topic = world.apogee.topic("t");
  await topic.put({ queues: 1 });
  const error = { code: "SERVER_BUSY", detail: "x", retryable: true, effect: "none" };
  world.wire.fail("/batch", () =>
    Response.json({
      results: [
        { status: "error", error },
        { status: "error", error },
      ],
    }),
  );
  const results = await topic.sendBatch([{ body: "a", dedupKey: false }, { body: "b" }]);
  expect(results).toMatchObject([{ offset: "0" }, { offset: "1" }]);
});

it("repeats an entry with an unknown outcome only by its identity", async () => {
  await using world = await wired();
  const topic = world.apogee.topic("t");
  await topic.put({ queues: 1 });
  const error = { code: "STORE_UNAVAILABLE", detail: "x", retryable: true, effect: "unknown" };
  world.wire.fail("/batch", () =>
    Response.json({
      results: [
        { status: "error", error },
        { status: "error", error },
      ],
    }),
  );
  const results = await topic.sendBatch([{ body: "a", dedupKey: false }, { body: "b" }]);
  expect(results).toMatchObject([{ code: "STORE_UNAVAILABLE", effect: "unknown" }, { offset: "0" }]);
  expect(world.wire.sent.at(-1)?.body.entries).toHaveLength(1);
});

it("remembers what was stored when a later call fails, and makes no other", async () => {
  await using world = await wired();
  const topic = world.apogee.topic("t");
  await topic.put({ queues: 1 });
  world.wire.fail("/batch", problem(401, "UNAUTHORIZED", { retryable: false, effect: "none" }), 1, 1);
  const results = await topic.sendBatch(Array.from({ length: 350 }, (_, at) => ({ body: `${at}` })));
  expect(results.slice(0, 100).every((result) => "offset" in result)).toBe(true);
  expect(results.slice(100).map((result) => (result as ApogeeError).code)).toEqual(Array(250).fill("UNAUTHORIZED"));
  expect(world.wire.count("/batch")).toBe(2);
});

it("sends nothing behind an entry that is to be sent again, of a call that it halves", async () => {
  await using world = await wired();
  const topic = world.apogee.topic("t");
  await topic.put({ queues: 1 });
  const error = { code: "STORE_UNAVAILABLE", detail: "x", retryable: true, effect: "unknown" };
  world.wire.fail("/batch", problem(413, "CONTENT_TOO_LARGE", { retryable: false, effect: "none" }));
  world.wire.fail("/batch", () =>
    Response.json({
      results: [
        { status: "error", error },
        { status: "error", error },
      ],
    }),
  );
  const results = await topic.sendBatch(["a", "b", "c", "d"].map((body) => ({ body })));
  expect(results).toMatchObject([{ offset: "0" }, { offset: "1" }, { offset: "2" }, { offset: "3" }]);
  const calls = world.wire.sent.filter(({ path }) => path.endsWith("/batch"));
  expect(calls.map(({ body }) => body.entries.length)).toEqual([4, 2, 4]);
});

it("says that entries did nothing that were not sent behind one that failed", async () => {
  await using world = await wired({ retry: { maxAttempts: 1 } });
  await world.apogee.topic("t").put({ queues: 1 });
  const error = { code: "STORE_UNAVAILABLE", detail: "x", retryable: true, effect: "unknown" };
  world.wire.fail("/batch", problem(413, "CONTENT_TOO_LARGE", { retryable: false, effect: "none" }));
  world.wire.fail("/batch", () => Response.json({ results: [{ status: "error", error }] }));
  expect(await world.apogee.topic("t").sendBatch([{ body: "a" }, { body: "b" }])).toMatchObject([
    { code: "STORE_UNAVAILABLE", effect: "unknown" },
    { code: "STORE_UNAVAILABLE", effect: "none", retryable: true },
  ]);
});
