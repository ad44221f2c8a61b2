import { expect, it, vi } from "vitest";
import { Apogee, type ApogeeError, type ApogeeOptions, type Clock } from "../../client/index.ts";
import { busy, failure, problem, wired } from "./wire.ts";

/** A clock that notes how long it is slept on, and does not wait. */
function noting() {
  const slept: number[] = [];
  let nowMs = 1_800_000_000_000;
  const clock: Clock = {
    now: () => nowMs,
    sleep: (ms) => {
      slept.push(ms);
      nowMs += ms;
      return Promise.resolve();
    },
  };
  return { clock, slept };
}

function answering(answers: readonly (() => Response)[], options: ApogeeOptions = {}) {
  const { clock, slept } = noting();
  let calls = 0;
  const requests: Request[] = [];
  const apogee = new Apogee({
    endpoint: "http://broker.example/base/",
    clock,
    fetch: async (input, init) => {
      requests.push(new Request(input, init));
      return (answers[Math.min(calls++, answers.length - 1)] as () => Response)();
    },
    ...options,
  });
  return { apogee, slept, requests, calls: () => calls };
}

const refused = (): Response => {
  throw new TypeError("fetch failed", { cause: Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" }) });
};
const receipt = () => Response.json({ messageId: "m", topic: "t", status: "SEND_OK", duplicate: false }, { status: 201 });

it("waits anything up to a bound that doubles", async () => {
  const bounds = [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000];
  for (const [random, share] of [
    [0, 0],
    [0.5, 0.5],
    [0.999, 0.999],
  ] as const) {
    const spy = vi.spyOn(Math, "random").mockReturnValue(random);
    const { apogee, slept, calls } = answering([refused]);
    expect(await failure(apogee.topic("t").send("a"))).toMatchObject({ code: "CONNECTION_FAILED" });
    spy.mockRestore();
    expect(calls()).toBe(10);
    expect(slept.map(Math.round)).toEqual(bounds.map((bound) => Math.round(bound * share)));
  }
});

it("waits differently each time", async () => {
  const { apogee, slept } = answering([refused], { retry: { maxAttempts: 40, baseMs: 100, maxMs: 100 } });
  await failure(apogee.topic("t").get());
  expect(new Set(slept).size).toBeGreaterThan(30);
});

it.each([
  ["seconds", "7", 7_000],
  ["a date", new Date(1_800_000_009_000).toUTCString(), 9_000],
  ["too long", "86400", 60_000],
  ["nonsense", "soon", 0],
  ["a date that is over", new Date(1_700_000_000_000).toUTCString(), 0],
])("waits as long as the answer asks, and then its own time: %s", async (_, retryAfter, ms) => {
  const spy = vi.spyOn(Math, "random").mockReturnValue(0.5);
  const answer = problem(429, "TOO_MANY_REQUESTS", { retryable: true, effect: "none" }, { "retry-after": retryAfter });
  const { apogee, slept } = answering([answer, receipt]);
  await apogee.topic("t").send("a");
  spy.mockRestore();
  expect(slept).toEqual([ms + 50]);
});

it("makes no more attempts than it may", async () => {
  const { apogee, calls } = answering([busy], { retry: { maxAttempts: 3 } });
  expect(await failure(apogee.topic("t").get())).toMatchObject({ code: "SERVER_BUSY", retryable: true, effect: "none" });
  expect(calls()).toBe(3);
});

it.each([
  [429, true, "none"],
  [413, false, "none"],
  [403, false, "none"],
  [404, false, "none"],
  [408, true, "none"],
  [500, true, "unknown"],
  [502, true, "unknown"],
  [503, true, "unknown"],
  [504, true, "unknown"],
])("takes a gateway's own %d for what it is", async (status, retryable, effect) => {
  const { apogee, calls } = answering([
    () => new Response("<html>Bad Gateway</html>", { status, headers: { "x-request-id": "r" } }),
  ]);
  const error = await failure(apogee.topic("t").send("a", { dedupKey: false }));
  expect(error).toMatchObject({ code: `HTTP_${status}`, status, retryable, effect, requestId: "r", problem: undefined });
  expect((error as Error).message).toBe(`HTTP_${status}: <html>Bad Gateway</html>`);
  expect(calls()).toBe(retryable && effect === "none" ? 10 : 1);
});

it.each(["<html>Welcome to the hotel!</html>", '{"messageId": "cut off'])("does not take %s for an answer", async (text) => {
  const page = () => new Response(text, { status: 200 });
  const { apogee, calls } = answering([page, receipt]);
  expect(await apogee.topic("t").send("a")).toMatchObject({ messageId: "m" });
  expect(calls()).toBe(2);
  const once = answering([page]);
  expect(await failure(once.apogee.topic("t").send("a", { dedupKey: false }))).toMatchObject({
    code: "HTTP_200",
    effect: "unknown",
    retryable: true,
  });
});

it("follows no redirect, which would make a GET of a POST", async () => {
  const { apogee, requests } = answering([
    () => new Response(null, { status: 301, headers: { location: "https://broker.example/base/" } }),
  ]);
  const error = await failure(apogee.topic("t").send("a"));
  expect(error).toMatchObject({ code: "HTTP_301", retryable: false });
  expect((error as Error).message).toContain("https://broker.example/base/");
  expect(requests.map(({ redirect }) => redirect)).toEqual(["manual"]);
});

it("makes each attempt of a call alike, to the address that it was given", async () => {
  const { apogee, requests } = answering([refused, refused, receipt], { apiKey: "k" });
  await apogee.topic("a topic").send({ id: 1 });
  const made = await Promise.all(requests.map(async (request) => [request.method, request.url, await request.text()]));
  expect(new Set(made.map((one) => JSON.stringify(one))).size).toBe(1);
  expect(made[0]?.slice(0, 2)).toEqual(["POST", "http://broker.example/base/v1/topics/a%20topic/messages"]);
  expect(requests[0]?.headers.get("authorization")).toBe("Bearer k");
  expect(requests[0]?.headers.get("content-type")).toBe("application/json");
});

it("does not repeat what cannot be sent at all", async () => {
  const key = answering([receipt], { apiKey: "a key\nfrom a file" });
  expect(await failure(key.apogee.topic("t").send("a"))).toBeInstanceOf(TypeError);
  const circle: Record<string, unknown> = {};
  circle.self = circle;
  const body = answering([receipt]);
  expect(await failure(body.apogee.topic("t").put(circle))).toBeInstanceOf(TypeError);
  expect(key.calls() + body.calls()).toBe(0);
});

it("says why a connection failed", async () => {
  const { apogee } = answering([refused], { retry: { maxAttempts: 1 } });
  const error = (await failure(apogee.topic("t").get())) as ApogeeError;
  expect(error).toMatchObject({ code: "CONNECTION_FAILED", status: 0, retryable: true, effect: "unknown" });
  expect(error.message).toBe("CONNECTION_FAILED: connect ECONNREFUSED");
  expect(error.cause).toBeInstanceOf(TypeError);
});

it("gives an attempt up that takes too long, and makes another", async () => {
  await using world = await wired({ timeoutSeconds: 0.05 });
  await world.apogee.topic("t").put();
  world.wire.fail("/messages", "hangs", 1);
  await world.apogee.topic("t").send("a");
  world.wire.fail("/t", "hangs", 99);
  const error = await failure(world.apogee.topic("t").get());
  expect((error as Error).message).toBe("CONNECTION_FAILED: No answer came within 50 ms.");
});

it.each(["while it is under way", "while it waits for its next attempt"])(
  "ends a call by its signal %s, with the signal's reason",
  async (when) => {
    await using world = await wired({ retry: { baseMs: 60_000, maxMs: 60_000 } });
    world.wire.fail("/messages", when === "while it is under way" ? "hangs" : "refused", 99);
    const deadline = new AbortController();
    const reason = new Error("too late");
    const sending = failure(world.apogee.topic("t").send("a", { signal: deadline.signal }));
    await vi.waitFor(() => expect(world.wire.count("/messages")).toBe(1));
    await world.clock.advance(0);
    deadline.abort(reason);
    expect(await sending).toBe(reason);
    expect(await failure(world.apogee.topic("t").send("a", { signal: AbortSignal.abort(reason) }))).toBe(reason);
    expect(await failure(world.apogee.topic("t").sendBatch([{ body: "a" }], { signal: AbortSignal.abort(reason) }))).toBe(reason);
  },
);

it("keeps a deadline", async () => {
  await using world = await wired();
  world.wire.fail("/messages", "hangs", 99);
  expect(await failure(world.apogee.topic("t").send("a", { signal: AbortSignal.timeout(20) }))).toMatchObject({
    name: "TimeoutError",
  });
});

it("waits for ever where it is told to", async () => {
  await using world = await wired();
  await world.apogee.topic("t").put();
  const apogee = new Apogee({ endpoint: "http://localhost", fetch: world.wire.fetch, timeoutSeconds: Number.POSITIVE_INFINITY });
  const producer = apogee.topic("t").producer({ lingerMs: Number.POSITIVE_INFINITY });
  void producer.send("a");
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(world.wire.count("/batch")).toBe(0);
  await producer.flush();
  expect(world.wire.count("/batch")).toBe(1);
});
