import { beforeEach, describe, expect, it } from "vitest";
import { MemoryItemStore } from "../../../adapters/memory/memory-item-store.ts";
import type { RunningBroker } from "../../../core/create-broker.ts";
import { RETENTION_RAISES_MAX } from "../../../core/log/log-limits.ts";
import { horizonMs, type Retention, raisesOf } from "../../../core/log/retention.ts";
import type { SettleEntry } from "../../../core/requests.ts";
import { testBroker } from "../../support/broker/broker-over-table.ts";
import { ManualClock } from "../../support/clocks/manual-clock.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

const SECOND_MS = 1_000;
const HOUR_MS = 3_600 * SECOND_MS;

let clock: ManualClock;
let broker: RunningBroker;

beforeEach(async () => {
  clock = new ManualClock();
  broker = await testBroker({ items: new MemoryItemStore(), clock });
  await broker.putTopic("orders", { queues: 1, retentionHours: 1 });
  await broker.putGroup("billing", {});
  await broker.putSubscription("billing", "orders", { startFrom: "earliest" });
});

const send = (...bodies: string[]) =>
  broker.sendMessages(
    "orders",
    bodies.map((text) => ({ body: Buffer.from(text) })),
  );
const texts = (messages: readonly { readonly body: Uint8Array }[]): string[] =>
  messages.map(({ body }) => Buffer.from(body).toString());
const pull = (offset: number, more: { filter?: { type: "TAG"; expression: string } } = {}) =>
  broker.pullMessages("orders", 0, { from: { offset }, limit: 32, maxBytes: 1_000_000, waitMs: 0, ...more });
const receive = (more: { leaseMs?: number } = {}) => broker.receiveMessages("billing", { max: 32, waitMs: 0, ...more });
const minOffset = async () => (await broker.topicQueues("orders"))[0]?.minOffset;

describe("a message", () => {
  it("is there for its retention, to the second, and for no reader after", async () => {
    await send("old");
    await clock.pass(10 * SECOND_MS);
    await send("new", "newer");
    await clock.pass(HOUR_MS - 11 * SECOND_MS);
    expect(await pull(0)).toMatchObject({ status: "FOUND", minOffset: 0 });
    await clock.pass(2 * SECOND_MS);
    expect(await pull(0)).toMatchObject({ status: "OFFSET_ILLEGAL", minOffset: 1, maxOffset: 3 });
    expect(await pull(0, { filter: { type: "TAG", expression: "a || b" } })).toMatchObject({ status: "OFFSET_ILLEGAL" });
    expect((await broker.groupLag("billing")).items[0]).toMatchObject({ lag: 2 });
    expect(texts(await receive())).toEqual(["new", "newer"]);
  });

  it("is neither delivered again nor dead-lettered once it has expired", async () => {
    await send("held", "given back");
    const [held, givenBack] = await receive({ leaseMs: 2 * HOUR_MS });
    const settle = (entry: SettleEntry) => broker.settleMessages("billing", [entry]);
    await settle({ action: "nack", receiptHandle: givenBack?.receiptHandle ?? "", delayMs: HOUR_MS });
    await clock.pass(HOUR_MS + 1);
    expect(await settle({ action: "deadLetter", receiptHandle: held?.receiptHandle ?? "" })).toMatchObject([
      { status: "error", error: { code: "MESSAGE_EXPIRED" } },
    ]);
    await clock.pass(HOUR_MS);
    expect(await receive()).toEqual([]);
    expect((await broker.groupLag("billing")).items[0]).toMatchObject({ lag: 0 });
  });
});

describe("a retention", () => {
  it("that is lowered counts at once; raised again, it brings nothing back", async () => {
    await broker.putTopic("orders", { retentionHours: 72 });
    await clock.pass(2 * HOUR_MS);
    await send("early");
    await clock.pass(2 * HOUR_MS);
    await send("late");
    await broker.patchTopic("orders", { retentionHours: 1 });
    expect(await minOffset()).toBe(1);
    await broker.patchTopic("orders", { retentionHours: 72 });
    expect(await minOffset()).toBe(1);
    await clock.pass(HOUR_MS - SECOND_MS);
    expect(await minOffset()).toBe(1);
    await clock.pass(2 * SECOND_MS);
    expect(await minOffset()).toBe(2);
  });

  it("that is raised counts for what is stored an hour later", async () => {
    await broker.patchTopic("orders", { retentionHours: 72 });
    await clock.pass(HOUR_MS - SECOND_MS);
    await send("just before");
    await clock.pass(SECOND_MS);
    await send("from then on");
    await clock.pass(HOUR_MS - 2 * SECOND_MS);
    expect(texts(await receive({ leaseMs: SECOND_MS }))).toEqual(["just before", "from then on"]);
    await clock.pass(2 * SECOND_MS);
    expect(texts(await receive())).toEqual(["from then on"]);
    await clock.pass(71 * HOUR_MS - SECOND_MS);
    expect(await minOffset()).toBe(1);
    await clock.pass(2 * SECOND_MS);
    expect(await minOffset()).toBe(2);
  });

  it("is raised only so many times while that bounds the life of a message", async () => {
    for (let hours = 2; hours < 2 + RETENTION_RAISES_MAX; hours++) await broker.patchTopic("orders", { retentionHours: hours });
    const once = () => broker.patchTopic("orders", { retentionHours: 100 });
    await expect(once()).rejects.toMatchObject({ code: "QUOTA_EXCEEDED" });
    await clock.pass(102 * HOUR_MS);
    expect(await once()).toMatchObject({ retentionHours: 100 });
  });

  it("never lets the horizon fall, whenever it is changed, and keeps what is stored for as long as was said when it was", () => {
    for (let seed = 1; seed <= 300; seed++) {
      const random = new SeededRandom(seed);
      let retention: Retention = { retentionHours: random.integer(1, 100), retentionRaises: [] };
      let nowMs = 1_800_000_000_000;
      let last = Number.NEGATIVE_INFINITY;
      /** A message, and what it was promised when it was stored. */
      const stored: { readonly atMs: number; hours: number }[] = [];
      let raisedAtMs = Number.NEGATIVE_INFINITY;
      let before = retention.retentionHours;
      for (let step = 0; step < 60; step++) {
        nowMs += random.integer(0, 20) * (HOUR_MS / 4);
        if (random.chance(0.3)) {
          const hours = random.integer(1, 100);
          try {
            const retentionRaises = raisesOf(retention, hours, nowMs);
            if (hours > retention.retentionHours) {
              before = nowMs < raisedAtMs + HOUR_MS ? Math.min(before, retention.retentionHours) : retention.retentionHours;
              raisedAtMs = nowMs;
            }
            for (const message of stored) message.hours = Math.min(message.hours, hours);
            before = Math.min(before, hours);
            retention = { retentionHours: hours, retentionRaises };
          } catch (error) {
            expect(error).toMatchObject({ code: "QUOTA_EXCEEDED" });
          }
        }
        const horizon = horizonMs(retention, nowMs);
        expect(horizon, `seed ${seed}`).toBeGreaterThanOrEqual(last);
        last = horizon;
        const early = stored.find(({ atMs, hours }) => nowMs - atMs <= hours * HOUR_MS && atMs < horizon);
        expect(early, `seed ${seed}: expires early`).toBeUndefined();
        const settled = nowMs >= raisedAtMs + HOUR_MS;
        stored.push({ atMs: nowMs, hours: settled ? retention.retentionHours : Math.min(before, retention.retentionHours) });
      }
    }
  });
});
