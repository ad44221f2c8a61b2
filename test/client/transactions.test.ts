import { expect, it } from "vitest";
import { Apogee, type Check, type Verdict } from "../../client/index.ts";
import { eventually, failure, problem, texts, type Wired, wired } from "./wire.ts";

async function open(): Promise<Wired> {
  const world = await wired();
  await world.apogee.topic("t").put({ type: "TRANSACTION", queues: 1 });
  return world;
}

const half = { body: "a", producerGroup: "p" };

it("commits when the work returns, and answers what it returned", async () => {
  await using world = await open();
  const result = await world.apogee.transaction("t", { ...half, tag: "paid" }, async ({ transactionId }) => {
    expect(await texts(world.apogee.topic("t").read())).toEqual([]);
    return transactionId.length;
  });
  expect(result).toBe(32);
  expect(await texts(world.apogee.topic("t").read())).toEqual(["a"]);
});

it("rolls back when the work throws, with the same error", async () => {
  await using world = await open();
  const error = new Error("out of stock");
  const thrown = await failure(
    world.apogee.transaction("t", half, () => {
      throw error;
    }),
  );
  expect(thrown).toBe(error);
  const { items } = await world.apogee.call("get", "/v1/transactions", { query: { status: "rolledBack" } });
  expect(items).toHaveLength(1);
});

it("throws the work's own error when the rollback fails as well", async () => {
  await using world = await open();
  world.wire.fail("/rollback", problem(500, "INTERNAL_ERROR", { retryable: false, effect: "unknown" }));
  const error = new Error("out of stock");
  expect(await failure(world.apogee.transaction("t", half, () => Promise.reject(error)))).toBe(error);
});

it("begins once and commits once, when answers are lost", async () => {
  await using world = await open();
  world.wire.fail("/transactions", "lost");
  world.wire.fail("/commit", "lost", 2);
  let works = 0;
  await world.apogee.transaction("t", half, () => void works++);
  expect(works).toBe(1);
  expect(await texts(world.apogee.topic("t").read())).toEqual(["a"]);
  const { items } = await world.apogee.call("get", "/v1/transactions", {});
  expect(items).toHaveLength(1);
  expect(
    new Set(world.wire.sent.flatMap(({ path, headers }) => (path.endsWith("/commit") ? [headers.get("idempotency-key")] : [])))
      .size,
  ).toBe(1);
});

it("says that it does not know, when no answer to the commit comes, and leaves the verdict to a check", async () => {
  await using world = await open();
  world.wire.fail("/commit", "lost", 99);
  expect(await failure(world.apogee.transaction("t", half, () => undefined))).toMatchObject({
    code: "CONNECTION_FAILED",
    effect: "unknown",
  });
  expect(world.wire.count("/rollback")).toBe(0);
  expect(await texts(world.apogee.topic("t").read())).toEqual(["a"]);
});

it("does not begin a second time without an identity", async () => {
  await using world = await open();
  world.wire.fail("/transactions", "lost");
  let works = 0;
  const sending = world.apogee.transaction("t", { ...half, dedupKey: false }, () => void works++);
  expect(await failure(sending)).toMatchObject({ code: "CONNECTION_FAILED", effect: "unknown" });
  expect(works).toBe(0);
  const { items } = await world.apogee.call("get", "/v1/transactions", {});
  expect(items).toHaveLength(1);
});

it("answers checks", async () => {
  await using world = await open();
  const { apogee, clock, wire } = world;
  wire.fail("/commit", "refused", 10);
  await failure(apogee.transaction("t", { ...half, body: "paid", checkAfter: "2s" }, () => undefined));
  await failure(
    apogee.transaction("t", { ...half, body: "not paid", checkAfter: "2s" }, () => new Promise((_, reject) => reject(1))),
  );
  const verdicts: Record<string, Verdict> = { paid: "commit" };
  const checks: Check[] = [];
  const errors: unknown[] = [];
  await using _ = apogee.onCheck(
    "p",
    (check) => {
      checks.push(check);
      if (checks.length === 1) throw new Error("the database is away");
      return checks.length === 2 ? "unknown" : (verdicts[check.message.text()] ?? "rollback");
    },
    { handleSignals: false, onError: (error, check) => errors.push([error, check?.checkNumber]) },
  );
  wire.fail("/receive", "refused", 12);
  for (let round = 0; round < 12 && checks.length < 3; round++) {
    await clock.advance(10);
    await eventually(() => undefined);
  }
  await eventually(async () => expect(await texts(apogee.topic("t").read())).toEqual(["paid"]));
  expect(checks.map(({ checkNumber }) => checkNumber)).toEqual([1, 2, 3]);
  expect(errors).toContainEqual([new Error("the database is away"), 1]);
});

it("stops answering checks, by its signal too, and rejects for what does not pass", async () => {
  await using world = await open();
  const stopping = new AbortController();
  const running = world.apogee.onCheck("p", () => "unknown", { signal: stopping.signal });
  await eventually(() => expect(world.wire.count("/receive")).toBe(1));
  stopping.abort();
  await running;
  world.wire.fail("/receive", problem(401, "UNAUTHORIZED", { retryable: false, effect: "none" }));
  expect(await failure(world.apogee.onCheck("p", () => "unknown"))).toMatchObject({ code: "UNAUTHORIZED" });
});

it("commits and rolls back by id", async () => {
  await using world = await open();
  const begin = async () => {
    const { transactionId } = await world.apogee.call("post", "/v1/topics/{topic}/transactions", {
      path: { topic: "t" },
      body: { body: "x", producerGroup: "p" },
    });
    return transactionId;
  };
  const first = await begin();
  expect(await world.apogee.commit(first)).toMatchObject({ state: "COMMITTED" });
  expect(await failure(world.apogee.rollback(first))).toMatchObject({
    code: "TRANSACTION_ENDED",
    problem: { state: "COMMITTED" },
  });
  expect(await world.apogee.rollback(await begin())).toMatchObject({ state: "ROLLED_BACK" });
});

it("lets a caller choose the Idempotency-Key of a call", async () => {
  await using world = await open();
  const headers = { "Idempotency-Key": "my-key" };
  const input = { path: { topic: "t" }, body: { body: "x", producerGroup: "p" }, headers };
  const first = await world.apogee.call("post", "/v1/topics/{topic}/transactions", input);
  const again = await world.apogee.call("post", "/v1/topics/{topic}/transactions", input);
  expect(again.transactionId).toBe(first.transactionId);
  expect(world.wire.sent.at(-1)?.headers.get("idempotency-key")).toBe("my-key");
});

it("needs an endpoint", () => {
  expect(() => new Apogee({ endpoint: "localhost:8080" })).toThrow(TypeError);
  expect(() => new Apogee()).toThrow("APOGEE_ENDPOINT");
});
