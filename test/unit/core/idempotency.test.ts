import { describe, expect, it } from "vitest";
import { MemoryItemStore } from "../../../adapters/memory/memory-item-store.ts";
import { BrokerError } from "../../../core/errors.ts";
import type { KeyedRequest } from "../../../core/idempotency/known-request.ts";
import { type KeyedResult, runOnce } from "../../../core/idempotency/run-once.ts";
import { knownRequestKey } from "../../../core/keys.ts";
import { IDEMPOTENCY_WINDOW_MS, KEPT_REPLY_BYTES_MAX, REQUEST_RUN_MS_MAX } from "../../../core/limits.ts";
import type { ItemStore } from "../../../core/ports/item-store.ts";
import { faulty } from "../../support/faults/one-faulty-write.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

const REQUEST: KeyedRequest = { id: "caller-route-key", fingerprint: "payload" };
const OTHER: KeyedRequest = { ...REQUEST, fingerprint: "another payload" };

/** One table and one clock, over which processes come and go; whoever sleeps moves the clock. */
function setUp() {
  const items = new MemoryItemStore();
  let nowMs = 1_800_000_000_000;
  let processes = 0;
  let runs = 0;
  const clock = {
    nowMs: () => nowMs,
    sleep: async (ms: number) => {
      nowMs += ms;
    },
  };
  const next = async (): Promise<string> => `run ${++runs}`;
  /** Asks through a process of its own. */
  const ask = (
    options: { store?: ItemStore; request?: KeyedRequest; run?: () => Promise<string>; isFinal?: (text: string) => boolean } = {},
  ): Promise<KeyedResult<string>> => {
    const { store = items, request = REQUEST, run = next, isFinal = () => true } = options;
    return runOnce({ items: store, clock, random: new SeededRandom(++processes) }, request, {
      run,
      isFinal,
      encode: (text) => Buffer.from(text),
      decode: (reply) => Buffer.from(reply).toString(),
    });
  };
  const pass = (ms: number): void => {
    nowMs += ms;
  };
  const stored = () => items.get(knownRequestKey(REQUEST.id));
  return { items, ask, next, pass, stored, runs: () => runs, nowMs: () => nowMs };
}

const fails = (code: BrokerError["code"]) => () => Promise.reject(new BrokerError(code, "no"));
const answered = (result: string) => ({ result, replayed: false });
const replayed = (result: string) => ({ result, replayed: true });

function gate() {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}

/** A run that ends when the test lets it. */
function held(run: () => Promise<string>) {
  const [begin, end] = [gate(), gate()];
  const runHeld = async (): Promise<string> => {
    begin.open();
    const result = await run();
    await end.opened;
    return result;
  };
  return { run: runHeld, begun: begin.opened, end: end.open };
}

describe("a request with a key", () => {
  it("runs once, and its result is that of every repeat", async () => {
    const { ask, runs } = setUp();
    expect(await ask()).toEqual(answered("run 1"));
    expect(await ask()).toEqual(replayed("run 1"));
    expect(await ask()).toEqual(replayed("run 1"));
    expect(runs()).toBe(1);
  });

  it("is told from another request under the same key", async () => {
    const { ask, runs } = setUp();
    await ask();
    await expect(ask({ request: OTHER })).rejects.toMatchObject({ code: "IDEMPOTENCY_KEY_REUSED" });
    expect(await ask({ request: { ...OTHER, id: "another key" } })).toEqual(answered("run 2"));
    expect(await ask()).toEqual(replayed("run 1"));
    expect(runs()).toBe(2);
  });

  it("runs for one of many that come at once", async () => {
    const { ask, next, runs } = setUp();
    const { run, end } = held(next);
    const asked = Array.from({ length: 10 }, () => ask({ run }).catch((error: BrokerError) => error.code));
    const others = Promise.race(asked);
    expect(await others).toBe("REQUEST_IN_PROGRESS");
    end();
    const outcomes = await Promise.all(asked);
    expect(outcomes.filter((outcome) => outcome === "REQUEST_IN_PROGRESS")).toHaveLength(9);
    expect(outcomes).toContainEqual(answered("run 1"));
    expect(runs()).toBe(1);
  });

  it("is known for a day, whenever the table deletes it", async () => {
    const { ask, pass, stored, nowMs } = setUp();
    const untilMs = nowMs() + IDEMPOTENCY_WINDOW_MS;
    await ask();
    expect((await stored())?.x).toBe(Math.ceil(untilMs / 1_000));
    pass(IDEMPOTENCY_WINDOW_MS - 1_000);
    expect(await ask()).toEqual(replayed("run 1"));
    pass(2_000);
    expect(await ask({ request: OTHER })).toEqual(answered("run 2"));
    await expect(ask()).rejects.toMatchObject({ code: "IDEMPOTENCY_KEY_REUSED" });
  });

  it("runs again where its result is too large to keep, and says that it is a repeat", async () => {
    const { ask, stored, runs } = setUp();
    for (const [bytes, kept] of [
      [KEPT_REPLY_BYTES_MAX, true],
      [KEPT_REPLY_BYTES_MAX + 1, false],
    ] as const) {
      const request = { ...REQUEST, id: kept ? "small" : REQUEST.id };
      const run = async () => "x".repeat(bytes);
      expect((await ask({ request, run })).replayed).toBe(false);
      expect(await ask({ request })).toEqual(replayed(kept ? "x".repeat(bytes) : "run 1"));
    }
    expect((await stored())?.r).toBeUndefined();
    expect(runs()).toBe(1);
  });
});

describe("a failure", () => {
  it("that changed nothing leaves no trace: the mended request may have the key", async () => {
    const { ask, stored } = setUp();
    await expect(ask({ run: fails("TOPIC_NOT_FOUND") })).rejects.toMatchObject({ code: "TOPIC_NOT_FOUND" });
    expect(await stored()).toBeUndefined();
    expect(await ask({ request: OTHER })).toEqual(answered("run 1"));
  });

  it.each(["REQUEST_TIMEOUT", "STORE_UNAVAILABLE", "INTERNAL_ERROR"] as const)(
    "that may have changed something is repeated by the same request alone: %s",
    async (code) => {
      const { ask } = setUp();
      await expect(ask({ run: fails(code) })).rejects.toMatchObject({ code });
      await expect(ask({ request: OTHER })).rejects.toMatchObject({ code: "IDEMPOTENCY_KEY_REUSED" });
      // Nor does a harmless failure afterwards free the key for another.
      await expect(ask({ run: fails("TOO_MANY_REQUESTS") })).rejects.toMatchObject({ code: "TOO_MANY_REQUESTS" });
      await expect(ask({ request: OTHER })).rejects.toMatchObject({ code: "IDEMPOTENCY_KEY_REUSED" });
      expect(await ask()).toEqual(answered("run 1"));
      expect(await ask()).toEqual(replayed("run 1"));
    },
  );

  it("of a part is not kept", async () => {
    const { ask } = setUp();
    const isFinal = (text: string) => text === "run 2";
    expect(await ask({ isFinal })).toEqual(answered("run 1"));
    await expect(ask({ request: OTHER })).rejects.toMatchObject({ code: "IDEMPOTENCY_KEY_REUSED" });
    expect(await ask({ isFinal })).toEqual(answered("run 2"));
    expect(await ask({ isFinal })).toEqual(replayed("run 2"));
  });

  it.each(["TOPIC_NOT_FOUND", "REQUEST_TIMEOUT"] as const)(
    "is the answer also where the store does not take that it is over: %s",
    async (code) => {
      const { items, ask, pass, runs } = setUp();
      const { store } = faulty(items, 1, "crashBefore");
      await expect(ask({ store, run: fails(code) })).rejects.toMatchObject({ code });
      await expect(ask()).rejects.toMatchObject({ code: "REQUEST_IN_PROGRESS" });
      pass(REQUEST_RUN_MS_MAX);
      expect(await ask()).toEqual(answered("run 1"));
      expect(runs()).toBe(1);
    },
  );
});

describe("a store call that goes wrong", () => {
  it.each(["replyLost", "requestLost", "late"] as const)("is mended, whichever it is: %s", async (fault) => {
    let met = 0;
    for (let write = 0; ; write++) {
      const { items, ask, runs } = setUp();
      const { store, reached, applyLate } = faulty(items, write, fault);
      expect(await ask({ store }), `write ${write}`).toEqual(answered("run 1"));
      expect(await ask(), `write ${write}`).toEqual(replayed("run 1"));
      await applyLate();
      expect(await ask(), `write ${write}`).toEqual(replayed("run 1"));
      expect(runs(), `write ${write}`).toBe(1);
      if (!reached()) break;
      met++;
    }
    // The claim, and the result.
    expect(met).toBe(2);
  });

  it("and takes effect after all is over holds the key no longer than a run", async () => {
    const { items, ask, pass } = setUp();
    const { store, applyLate } = faulty(items, 0, "late");
    await expect(ask({ store, run: fails("TOPIC_NOT_FOUND") })).rejects.toMatchObject({ code: "TOPIC_NOT_FOUND" });
    await applyLate();
    await expect(ask()).rejects.toMatchObject({ code: "REQUEST_IN_PROGRESS" });
    pass(REQUEST_RUN_MS_MAX);
    expect(await ask()).toEqual(answered("run 1"));
  });

  it("before the request runs says that nothing was changed", async () => {
    const { items, ask, runs } = setUp();
    await expect(ask({ store: faulty(items, 0, "crashAfter").store })).rejects.toMatchObject({ outcome: "not-applied" });
    expect(runs()).toBe(0);
  });
});

describe("a handler that dies", () => {
  it.each([
    { where: "before it claims", write: 0, fault: "crashBefore", own: "failed", atOnce: answered("run 1"), runsInAll: 1 },
    { where: "before it runs", write: 0, fault: "crashAfter", own: "failed", atOnce: "REQUEST_IN_PROGRESS", runsInAll: 1 },
    {
      where: "after it ran",
      write: 1,
      fault: "crashBefore",
      own: answered("run 1"),
      atOnce: "REQUEST_IN_PROGRESS",
      runsInAll: 2,
    },
    {
      where: "after it kept the result",
      write: 1,
      fault: "crashAfter",
      own: answered("run 1"),
      atOnce: replayed("run 1"),
      runsInAll: 1,
    },
  ] as const)(
    "$where is followed by the next repeat, after a run's time at most",
    async ({ write, fault, own, atOnce, runsInAll }) => {
      const { items, ask, pass, runs } = setUp();
      // Where only its store is gone, what it has done is its answer.
      expect(await ask({ store: faulty(items, write, fault).store }).catch(() => "failed")).toEqual(own);
      expect(await ask().catch((error: BrokerError) => error.code)).toEqual(atOnce);
      await expect(ask({ request: OTHER })).rejects.toMatchObject({ code: "IDEMPOTENCY_KEY_REUSED" });
      pass(REQUEST_RUN_MS_MAX);
      const { result } = await ask();
      expect(await ask()).toEqual(replayed(result));
      expect(runs()).toBe(runsInAll);
    },
  );

  it("is followed by one of those who come at once", async () => {
    const { items, ask, next, pass, runs } = setUp();
    await ask({ store: faulty(items, 0, "crashAfter").store }).catch(() => undefined);
    pass(REQUEST_RUN_MS_MAX);
    const { run, end } = held(next);
    const asked = Array.from({ length: 10 }, () => ask({ run }).catch((error: BrokerError) => error.code));
    expect(await Promise.race(asked)).toBe("REQUEST_IN_PROGRESS");
    end();
    expect((await Promise.all(asked)).filter((outcome) => outcome !== "REQUEST_IN_PROGRESS")).toEqual([answered("run 1")]);
    expect(runs()).toBe(1);
  });

  it("and was only slow answers with what its successor kept", async () => {
    const { ask, next, pass } = setUp();
    const slow = held(next);
    const first = ask({ run: slow.run });
    await slow.begun;
    pass(REQUEST_RUN_MS_MAX);
    expect(await ask()).toEqual(answered("run 2"));
    slow.end();
    expect(await first).toEqual(replayed("run 2"));
    expect(await ask()).toEqual(replayed("run 2"));
  });

  it("and was only slow is the one to answer where it ends just before its successor takes over", async () => {
    const { items, ask, next, pass, runs } = setUp();
    const slow = held(next);
    const first = ask({ run: slow.run });
    await slow.begun;
    pass(REQUEST_RUN_MS_MAX);
    let puts = 0;
    const store: ItemStore = {
      ...faulty(items, Number.POSITIVE_INFINITY, "late").store,
      async put(item, options) {
        if (puts++ === 1) {
          slow.end();
          await first;
        }
        return items.put(item, options);
      },
    };
    expect(await ask({ store })).toEqual(replayed("run 1"));
    expect(await first).toEqual(answered("run 1"));
    expect([puts, runs()]).toEqual([2, 1]);
  });

  it("and wakes up when the key is another request's answers for itself", async () => {
    const { ask, next, pass } = setUp();
    const slow = held(next);
    const first = ask({ run: slow.run });
    await slow.begun;
    pass(IDEMPOTENCY_WINDOW_MS + 1_000);
    expect(await ask({ request: OTHER })).toEqual(answered("run 2"));
    slow.end();
    expect(await first).toEqual(answered("run 1"));
    expect(await ask({ request: OTHER })).toEqual(replayed("run 2"));
  });

  it("and was only slow leaves its successor alone", async () => {
    const { ask, next, pass } = setUp();
    for (const [index, end] of [next, fails("TOPIC_NOT_FOUND"), fails("REQUEST_TIMEOUT")].entries()) {
      const request = { ...REQUEST, id: String(index) };
      const [slow, second] = [held(next), held(next)];
      const first = ask({
        request,
        run: async () => {
          await slow.run();
          return end();
        },
      });
      await slow.begun;
      pass(REQUEST_RUN_MS_MAX);
      const successor = ask({ request, run: second.run });
      await second.begun;
      slow.end();
      await first.catch(() => undefined);
      await expect(ask({ request })).rejects.toMatchObject({ code: "REQUEST_IN_PROGRESS" });
      second.end();
      const { result } = await successor;
      expect(await ask({ request })).toEqual(replayed(result));
    }
  });
});
