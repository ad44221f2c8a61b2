import { describe, expect, it } from "vitest";
import type { BrokerDependencies, RunningBroker } from "../../../core/create-broker.ts";
import type { BrokerEvent } from "../../../core/ports/events.ts";
import { StoreUnavailable } from "../../../core/ports/store-failures.ts";
import type { AskProducer, ProducersAnswer } from "../../../core/transaction/ask-producer.ts";
import { FAILURES_TO_OPEN, OPEN_MS, POST_BUDGETS, SLOW_POST_MS } from "../../../core/transaction/post-limits.ts";
import {
  CHECK_INTERVAL_MS,
  MAX_CHECKS_DEFAULT,
  UNASKED_CHECK_INTERVAL_MS_MAX,
  UNASKED_LIFE_MS,
} from "../../../core/transaction/transaction-limits.ts";
import { brokerOverTable, receivedTexts } from "../../support/broker/broker-over-table.ts";
import { ManualClock } from "../../support/clocks/manual-clock.ts";

const CHECK_AFTER_MS = 6_000;
const STEP_MS = 250;
const SILENT: ProducersAnswer = { failure: "The endpoint did not answer within 5000 ms." };
const UNKNOWN: ProducersAnswer = { resolution: "unknown" };

const urlOf = (producerGroup: string) => `https://${producerGroup}.example.com/checks`;

async function prepare(broker: RunningBroker, producerGroup = "pay", body: Uint8Array = Buffer.from("x")): Promise<string> {
  const options = { producerGroup, checkAfterMs: CHECK_AFTER_MS };
  return (await broker.sendHalfMessage("orders", { body }, options)).transactionId;
}

/** A server that runs for itself, on a clock that is told to go on, and how its endpoints answer. */
async function setUp(answer: (producerGroup: string, clock: ManualClock) => Promise<ProducersAnswer>) {
  const clock = new ManualClock();
  const table = brokerOverTable();
  const startedMs = clock.nowMs();
  /** When which producer group was called. */
  const calls: { readonly producerGroup: string; readonly atMs: number; readonly id: string }[] = [];
  let under = 0;
  let most = 0;
  const events: BrokerEvent[] = [];
  const askProducer: AskProducer = async ({ producerGroup, transactionId }) => {
    calls.push({ producerGroup, atMs: clock.nowMs() - startedMs, id: transactionId });
    most = Math.max(most, ++under);
    try {
      return await answer(producerGroup, clock);
    } finally {
      under--;
    }
  };
  const others: Partial<BrokerDependencies> = {
    clock,
    askProducer,
    events: { happened: (event) => void events.push(event) },
  };
  const broker = await table.process(undefined, undefined, others);
  await broker.putTopic("orders", { type: "TRANSACTION" });
  await broker.putGroup("billing", {});
  await broker.putSubscription("billing", "orders", { startFrom: "earliest" });
  const stopping = new AbortController();
  const running = broker.keepGoing(stopping.signal);
  const pass = async (ms: number, stepMs = STEP_MS) => {
    for (let left = ms; left > 0; left -= stepMs) await clock.pass(Math.min(left, stepMs));
  };
  const groups = async (...names: string[]) => {
    for (const name of names) await broker.putProducerGroup(name, { url: urlOf(name) });
  };
  const callsOf = (producerGroup: string) => calls.filter((call) => call.producerGroup === producerGroup);
  const stop = async () => {
    stopping.abort();
    await pass(6_000, 1_000);
    await running;
  };
  return { ...table, broker, clock, calls, callsOf, events, groups, pass, stop, most: () => most };
}

const slowly =
  (ms: number, answer: ProducersAnswer) =>
  async (clock: ManualClock): Promise<ProducersAnswer> => {
    await clock.sleep(ms);
    return answer;
  };

describe("endpoints that are slow or dead", () => {
  const slow = slowly(4_500, UNKNOWN);
  const dead = slowly(5_000, SILENT);

  it.each([
    ["one with 300 transactions that takes 4.5 s", slow, 1, 300],
    ["one with 300 transactions that never answers", dead, 1, 300],
    ["sixty with 3 transactions each that take 4.5 s", slow, 60, 3],
    ["sixty with 3 transactions each that never answer", dead, 60, 3],
  ])("delay no check of another by 2 seconds, nor timers: %s", async (_what, answer, endpoints, each) => {
    const { broker, groups, pass, callsOf, stop } = await setUp(async (producerGroup, clock) =>
      producerGroup === "good" ? { resolution: "commit" } : answer(clock),
    );
    const names = Array.from({ length: endpoints }, (_, at) => `bad${at}`);
    await groups(...names, "good");
    await broker.putTopic("later", { type: "DELAY" });
    await broker.putSubscription("billing", "later", { startFrom: "earliest" });
    for (const name of names) for (let count = 0; count < each; count++) await prepare(broker, name);
    // Behind them all.
    await pass(100);
    const good = [await prepare(broker, "good")];
    await broker.sendMessages("later", [{ body: Buffer.from("in time"), delayMs: CHECK_AFTER_MS }]);
    await pass(CHECK_AFTER_MS);
    await pass(1_000);
    expect(await receivedTexts(broker, "billing")).toContain("in time");
    // Now that they are known, and while they are called.
    await pass(4_000);
    good.push(await prepare(broker, "good"));
    await pass(CHECK_AFTER_MS + 2_000);
    const called = callsOf("good");
    expect(called.map(({ id }) => id)).toEqual(good);
    expect(called[0]?.atMs).toBeLessThanOrEqual(100 + CHECK_AFTER_MS + 2_000);
    expect(called[1]?.atMs).toBeLessThanOrEqual(100 + CHECK_AFTER_MS + 5_000 + CHECK_AFTER_MS + 2_000);
    for (const id of good) expect(await broker.getTransaction(id)).toMatchObject({ state: "COMMITTED", checks: 1 });
    await stop();
  });

  it("have a share of what is posted at once, and one post until they have answered one", async () => {
    const { broker, groups, pass, calls, most, stop } = await setUp(async (_, clock) => slowly(500, UNKNOWN)(clock));
    await groups("pay");
    for (let count = 0; count < 30; count++) await prepare(broker);
    await pass(CHECK_AFTER_MS);
    expect(calls).toHaveLength(1);
    await pass(500);
    expect(calls).toHaveLength(1 + POST_BUDGETS.endpoint.posts);
    await pass(3_000);
    expect(calls).toHaveLength(30);
    expect(most()).toBe(POST_BUDGETS.endpoint.posts);
    await stop();
  });

  it("are asked about every transaction in time, however many there are", async () => {
    const { broker, groups, pass, calls, stop } = await setUp(async (_, clock) => slow(clock));
    await groups("pay");
    const ids: string[] = [];
    for (let count = 0; count < 200; count++) ids.push(await prepare(broker));
    // Eight in four and a half seconds.
    await pass(CHECK_AFTER_MS + 5 * CHECK_INTERVAL_MS);
    expect(new Set(calls.map(({ id }) => id))).toEqual(new Set(ids));
    await stop();
  });

  it("are not sent more large messages at once than there is room for", async () => {
    const { broker, groups, pass, calls, stop } = await setUp(async (_, clock) => slow(clock));
    const names = Array.from({ length: 10 }, (_, at) => `bad${at}`);
    await groups(...names);
    const bytes = 4 * 1_048_576;
    const body = Buffer.alloc(bytes, "x");
    for (const name of names) for (let count = 0; count < 3; count++) await prepare(broker, name, body);
    await pass(CHECK_AFTER_MS + SLOW_POST_MS);
    const atOnce = calls.length;
    expect(atOnce).toBeGreaterThanOrEqual(2);
    expect(atOnce * bytes).toBeLessThanOrEqual(POST_BUDGETS.unproven.bytes);
    await pass(60_000);
    expect(new Set(calls.map(({ id }) => id)).size).toBe(30);
    await stop();
  });
});

describe("an endpoint that does not answer", () => {
  it("is not called after five times, then tried now and again, and called again once it answers", async () => {
    let answer: ProducersAnswer = SILENT;
    const { broker, groups, pass, calls, events, stop } = await setUp(async () => answer);
    await groups("pay");
    const before = await broker.getProducerGroup("pay");
    expect(before.endpoint).toMatchObject({ state: "CLOSED", failures: 0 });
    for (let count = 0; count < 20; count++) await prepare(broker);
    await pass(CHECK_AFTER_MS + 1_000);
    expect(calls.length).toBeGreaterThanOrEqual(FAILURES_TO_OPEN);
    expect(calls.length).toBeLessThan(FAILURES_TO_OPEN + POST_BUDGETS.endpoint.posts);
    const { endpoint, version } = await broker.getProducerGroup("pay");
    expect(endpoint).toMatchObject({
      state: "OPEN",
      failures: FAILURES_TO_OPEN,
      lastFailure: "The endpoint did not answer within 5000 ms.",
    });
    expect(version).toBe(before.version);
    const [listed] = (await broker.listProducerGroups({ limit: 10 })).items;
    expect(listed?.endpoint).toEqual(endpoint);
    const notPosted = events.filter(({ kind }) => kind === "checkNotPosted");
    expect(notPosted).toHaveLength(20 - calls.length);
    const { items } = await broker.listTransactions({ limit: 20 });
    const noted = items.filter(({ checkFailure = "" }) =>
      /^It was not posted: the endpoint did not answer 5 times in a row/.test(checkFailure),
    );
    expect(noted).toHaveLength(notPosted.length);

    await pass(OPEN_MS.first);
    expect(await broker.getProducerGroup("pay")).toMatchObject({ endpoint: { state: "HALF_OPEN" } });
    const firstCalls = calls.length;
    await pass(CHECK_INTERVAL_MS);
    expect(calls).toHaveLength(firstCalls + 1);
    expect(await broker.getProducerGroup("pay")).toMatchObject({
      endpoint: { state: expect.stringMatching("OPEN"), failures: FAILURES_TO_OPEN + 1 },
    });

    answer = { resolution: "commit" };
    await pass(4 * CHECK_INTERVAL_MS);
    expect(await broker.getProducerGroup("pay")).toMatchObject({
      endpoint: { state: "CLOSED", failures: 0, openUntilMs: undefined },
    });
    expect((await broker.listTransactions({ limit: 20, state: "PREPARED" })).items).toEqual([]);
    await stop();
  });

  it("is left alone by the next process too, and by none once it has another url", async () => {
    const { broker, groups, pass, calls, stop, process, clock } = await setUp(async () => SILENT);
    await groups("pay");
    for (let count = 0; count < 20; count++) await prepare(broker);
    await pass(CHECK_AFTER_MS);
    await stop();
    expect(await broker.getProducerGroup("pay")).toMatchObject({ endpoint: { state: "OPEN" } });
    const before = calls.length;
    const called: string[] = [];
    const next = await process(undefined, undefined, {
      clock,
      askProducer: async (_, { url }) => {
        called.push(url);
        return UNKNOWN;
      },
    });
    await prepare(next);
    expect(calls).toHaveLength(before);
    await next.putProducerGroup("pay", { url: urlOf("other") });
    expect(await next.getProducerGroup("pay")).toMatchObject({ endpoint: { state: "CLOSED" } });
    await clock.pass(CHECK_INTERVAL_MS);
    const scanned = next.scan({ untilMs: clock.nowMs() + 1_000 });
    await pass(2_000);
    await scanned;
    expect(called).toHaveLength(21);
    expect(new Set(called)).toEqual(new Set([urlOf("other")]));
  });

  it("is not taken for one by what it answers", async () => {
    const useless: ProducersAnswer = { failure: "The endpoint answered 404.", endpoint: "answered" };
    const { broker, groups, pass, calls, stop } = await setUp(async () => useless);
    await groups("pay");
    for (let count = 0; count < 20; count++) await prepare(broker);
    await pass(CHECK_AFTER_MS);
    expect(calls).toHaveLength(20);
    expect(await broker.getProducerGroup("pay")).toMatchObject({ endpoint: { state: "CLOSED" } });
    await stop();
  });
});

describe("a check that waits for its turn", () => {
  it("is not posted once its transaction is decided", async () => {
    const { broker, groups, pass, calls, stop } = await setUp(async (_, clock) => slowly(2_000, UNKNOWN)(clock));
    await groups("pay");
    const ids = [await prepare(broker), await prepare(broker)];
    await pass(CHECK_AFTER_MS);
    const waiting = ids.filter((id) => id !== calls[0]?.id);
    expect(waiting).toHaveLength(1);
    await broker.endTransaction(waiting[0]!, "rollback");
    await pass(4_000);
    expect(calls).toHaveLength(1);
    await stop();
  });

  it("is noted as not posted where the run ends before", async () => {
    const { broker, groups, pass, events, stop, calls } = await setUp(async (_, clock) => slowly(5_000, UNKNOWN)(clock));
    await groups("pay");
    for (let count = 0; count < 12; count++) await prepare(broker);
    await pass(CHECK_AFTER_MS);
    await stop();
    const { items } = await broker.listTransactions({ limit: 20 });
    const noted = items.filter(({ checkFailure }) => checkFailure?.includes("its turn had not come"));
    expect(calls).toHaveLength(1);
    expect(noted).toHaveLength(11);
    expect(events.filter(({ kind }) => kind === "checkNotPosted")).toHaveLength(11);
  });
});

it("a check whose half message cannot be read at its turn is said not to be posted, and comes again", async () => {
  const { items, broker, calls, events, groups, pass, stop } = await setUp(async () => ({ resolution: "commit" }));
  await groups("pay");
  const id = await prepare(broker);
  const get = items.get.bind(items);
  items.get = (key) => {
    if (key.pk.startsWith("x#")) return Promise.reject(new StoreUnavailable("not-applied", "throttled", "too hot"));
    return get(key);
  };
  await pass(CHECK_AFTER_MS + 1_000);
  expect(calls).toEqual([]);
  expect(events).toMatchObject([{ kind: "checkNotPosted", transactionId: id, reason: expect.stringContaining("store") }]);
  items.get = get;
  expect(await broker.getTransaction(id)).toMatchObject({ checkFailure: expect.stringContaining("not posted") });
  await pass(CHECK_INTERVAL_MS);
  expect(await broker.getTransaction(id)).toMatchObject({ state: "COMMITTED" });
  await stop();
});

describe("a transaction that nobody was asked about", () => {
  const NOT_CALLED: ProducersAnswer = { failure: "Too many webhooks are under way.", endpoint: "notCalled" };

  /** A table whose clock jumps, and a scanner that is run when something is due. */
  const scanning = async (answers: ProducersAnswer, maxChecks = 2) => {
    const table = brokerOverTable();
    let answer = answers;
    const events: BrokerEvent[] = [];
    const broker = await table.process(undefined, undefined, {
      askProducer: async () => answer,
      events: { happened: (event) => void events.push(event) },
    });
    await broker.putTopic("orders", { type: "TRANSACTION" });
    await broker.putProducerGroup("pay", { url: urlOf("pay"), maxChecks });
    const id = await prepare(broker);
    const startedMs = table.clock.nowMs();
    const toTheNextCheck = async () => {
      const { nextCheckAtMs } = await broker.getTransaction(id);
      table.pass((nextCheckAtMs ?? 0) - table.clock.nowMs());
      await broker.scan({ untilMs: table.clock.nowMs() + 1 });
      return broker.getTransaction(id);
    };
    const answerWith = (next: ProducersAnswer) => {
      answer = next;
    };
    return { ...table, broker, id, events, startedMs, toTheNextCheck, answerWith };
  };

  it("is not discarded after its checks, but checked less and less often for two days", async () => {
    const { broker, id, events, startedMs, clock, toTheNextCheck } = await scanning(NOT_CALLED);
    const intervals: number[] = [];
    let seen = await toTheNextCheck();
    for (; seen.state === "PREPARED"; seen = await toTheNextCheck()) {
      expect(seen.checkFailure).toBe("It was not posted: Too many webhooks are under way.");
      intervals.push((seen.nextCheckAtMs ?? 0) - clock.nowMs());
    }
    const minutes = intervals.map((ms) => ms / 60_000);
    expect(minutes.slice(0, 10)).toEqual([0.5, 0.5, 1, 2, 4, 8, 16, 32, 60, 60]);
    expect(Math.max(...intervals)).toBe(UNASKED_CHECK_INTERVAL_MS_MAX);
    expect(seen).toMatchObject({ state: "DISCARDED", checkFailure: expect.stringMatching(/^In 48 hours none of its checks/) });
    const livedMs = clock.nowMs() - startedMs;
    expect(livedMs).toBeGreaterThanOrEqual(UNASKED_LIFE_MS);
    expect(livedMs).toBeLessThan(UNASKED_LIFE_MS + UNASKED_CHECK_INTERVAL_MS_MAX);
    expect(events.at(-1)).toMatchObject({ kind: "transactionDiscarded", transactionId: id, asked: false });
    expect(await broker.endTransaction(id, "commit", { discarded: true })).toMatchObject({ state: "COMMITTED" });
  });

  it("is asked about when that is possible again", async () => {
    const { toTheNextCheck, answerWith } = await scanning(NOT_CALLED);
    for (let check = 0; check < 8; check++) expect(await toTheNextCheck()).toMatchObject({ state: "PREPARED" });
    answerWith({ resolution: "commit" });
    expect(await toTheNextCheck()).toMatchObject({ state: "COMMITTED", checks: 9 });
  });

  it.each<[string, ProducersAnswer]>([
    ["the endpoint that does not know", UNKNOWN],
    ["the endpoint that does not answer", SILENT],
    ["the endpoint that answers something else", { failure: "The endpoint answered 404.", endpoint: "answered" }],
  ])("is another than one about which it was asked: %s", async (_what, once) => {
    const { toTheNextCheck, answerWith } = await scanning(once);
    expect(await toTheNextCheck()).toMatchObject({ state: "PREPARED", checks: 1 });
    answerWith(NOT_CALLED);
    expect(await toTheNextCheck()).toMatchObject({ state: "PREPARED", checks: 2 });
    expect(await toTheNextCheck()).toMatchObject({ state: "DISCARDED", checks: 2 });
  });

  it("is another than one whose check a producer received", async () => {
    const { broker, id, toTheNextCheck } = await scanning(NOT_CALLED);
    await toTheNextCheck();
    const received = await broker.receiveChecks("pay", { max: 1, maxBytes: 1_000, waitMs: 0 });
    expect(received.map(({ transactionId }) => transactionId)).toEqual([id]);
    expect(await toTheNextCheck()).toMatchObject({ state: "PREPARED", checks: 2 });
    expect(await toTheNextCheck()).toMatchObject({ state: "DISCARDED", checks: 2 });
  });

  it("is discarded after its checks where its group has no endpoint", async () => {
    const table = brokerOverTable();
    const broker = await table.process();
    await broker.putTopic("orders", { type: "TRANSACTION" });
    const id = await prepare(broker);
    for (let check = 0; check <= MAX_CHECKS_DEFAULT; check++) {
      table.pass(CHECK_INTERVAL_MS);
      await broker.scan({ untilMs: table.clock.nowMs() + 1 });
    }
    expect(await broker.getTransaction(id)).toMatchObject({ state: "DISCARDED", checks: MAX_CHECKS_DEFAULT });
  });
});
