import { describe, expect, test } from "vitest";
import { type AuditedGroup, audit, RULES, type Rule } from "./audit.ts";
import type { DeliveredEvent, HistoryEvent, Placed, SettledEvent } from "./history.ts";

const GROUP = "g";
const GROUPS = [{ name: GROUP }];
const message = (offset: number): Placed => ({ queueId: 0, offset, messageId: `m${offset}`, body: `b${offset}` });
const sent = (offset: number): HistoryEvent => ({ kind: "sent", ...message(offset) });
const pulled = (offset: number): HistoryEvent => ({ kind: "pulled", ...message(offset) });
const range = (maxOffset: number): HistoryEvent => ({ kind: "range", queueId: 0, minOffset: 0, maxOffset });
const delivered = (offset: number, atMs: number, more: Partial<DeliveredEvent> = {}): DeliveredEvent => ({
  kind: "delivered",
  ...message(offset),
  group: GROUP,
  consumer: "c1",
  receiptHandle: `h${offset}@${atMs}`,
  requestedAtMs: atMs - 1,
  receivedAtMs: atMs,
  leaseUntilMs: atMs + 1_000,
  ...more,
});
const settled = (delivery: DeliveredEvent, atMs: number, more: Partial<SettledEvent> = {}): SettledEvent => ({
  kind: "settled",
  group: GROUP,
  receiptHandle: delivery.receiptHandle,
  action: "ack",
  outcome: "done",
  requestedAtMs: atMs,
  answeredAtMs: atMs + 1,
  ...more,
});
/** Message `offset` sent, delivered, acked and pulled as it should be. */
const whole = (offset: number): HistoryEvent[] => {
  const delivery = delivered(offset, 100);
  return [sent(offset), delivery, settled(delivery, 200), pulled(offset)];
};
const dead = (offset: number): HistoryEvent => ({ kind: "dead", group: GROUP, queueId: 0, offset });
/** Two messages of one message group; the second is received at `secondAtMs`, the first acked at 200. */
const line = (secondAtMs: number, requestedAtMs = secondAtMs - 1): HistoryEvent[] => {
  const [first, second] = [delivered(0, 100), delivered(1, secondAtMs, { requestedAtMs })];
  return [
    sent(0),
    sent(1),
    first,
    second,
    settled(first, 200),
    settled(second, 400),
    { ...message(0), kind: "pulled", messageGroup: "m" },
    { ...message(1), kind: "pulled", messageGroup: "m" },
  ];
};
const rulesBroken = (history: readonly HistoryEvent[], groups: readonly AuditedGroup[] = GROUPS): Rule[] => [
  ...new Set(audit(history, groups).map(({ rule }) => rule)),
];

describe("the auditor finds each planted fault, and nothing else", () => {
  const first = delivered(0, 100);
  const planted: Record<Rule, HistoryEvent[]> = {
    lost: [...whole(0), sent(1), range(1)],
    hole: [...whole(0), ...whole(2), range(3)],
    offsetReused: [...whole(0), range(1), delivered(0, 150, { messageId: "other", leaseUntilMs: 150 })],
    storedTwice: [
      ...whole(0),
      { kind: "pulled", ...message(1), body: "b0" },
      { ...delivered(1, 100), body: "b0" },
      settled(delivered(1, 100), 101),
      range(2),
    ],
    phantom: whole(0).slice(1),
    neverDelivered: [...whole(0), sent(1), pulled(1), range(2)],
    ackedRedelivered: [...whole(0), range(1), delivered(0, 5_000)],
    doubleLease: [sent(0), first, delivered(0, 500, { consumer: "c2" }), settled(first, 900), pulled(0), range(1)],
    unsettled: [sent(0), first, settled(first, 200, { action: "nack" }), pulled(0), range(1)],
    filtered: whole(0).map((event) => (event.kind === "pulled" ? { ...event, tag: "other" } : event)),
    outOfOrder: line(150),
    deadTwice: [sent(0), first, pulled(0), dead(0), dead(0)],
    ackedAndDead: [...whole(0), dead(0)],
    deadLost: [sent(0), first, settled(first, 150, { action: "deadLetter" }), settled(first, 200), pulled(0)],
    unexpected: [...whole(0), range(1), { kind: "unexpected", what: "500" }],
  };
  for (const rule of RULES) {
    test(rule, () => {
      // Exactly this rule: a fault may not set off a storm that hides which one it was.
      expect(rulesBroken(planted[rule], rule === "filtered" ? [{ name: GROUP, tag: "wanted" }] : GROUPS)).toEqual([rule]);
    });
  }

  test("a body that changed counts as lost", () => {
    const changed: HistoryEvent[] = whole(0).map((event) => (event.kind === "pulled" ? { ...event, body: "changed" } : event));
    expect(rulesBroken(changed)).toContain("lost");
  });

  test("a hold that spans a short one still counts against a third", () => {
    const long = delivered(0, 100, { leaseUntilMs: 10_000 });
    const expired = delivered(0, 200, { leaseUntilMs: 150 });
    expect(rulesBroken([sent(0), long, expired, delivered(0, 5_000), settled(long, 9_000), pulled(0)])).toEqual(["doubleLease"]);
  });
});

describe("what a correct broker may do is accepted", () => {
  test("a clean run", () => {
    expect(audit([...whole(0), ...whole(1), range(2)], GROUPS)).toEqual([]);
  });

  test("a send without an answer, stored or not", () => {
    const stored = [...whole(0).slice(1), { kind: "sendUnknown" as const, body: "b0" }, range(1)];
    expect(audit(stored, GROUPS)).toEqual([]);
    expect(audit([{ kind: "sendUnknown", body: "never" }, ...whole(0), range(1)], GROUPS)).toEqual([]);
  });

  test("an ack without an answer, applied or followed by a redelivery", () => {
    const first = delivered(0, 100);
    const unknown = settled(first, 200, { outcome: "unknown" });
    expect(audit([sent(0), first, unknown, pulled(0), range(1)], GROUPS)).toEqual([]);
    const second = delivered(0, 1_500);
    expect(audit([sent(0), first, unknown, second, settled(second, 1_600), pulled(0), range(1)], GROUPS)).toEqual([]);
  });

  test("redelivery after the lease ended or a nack was asked for", () => {
    const first = delivered(0, 100);
    const second = delivered(0, 1_100);
    expect(audit([sent(0), first, second, settled(second, 1_200), pulled(0), range(1)], GROUPS)).toEqual([]);
    const soon = delivered(0, 300);
    const history = [sent(0), first, settled(first, 200, { action: "nack" }), soon, settled(soon, 400), pulled(0), range(1)];
    expect(audit(history, GROUPS)).toEqual([]);
  });

  test("a message group in order: one answer, or one after the other", () => {
    expect(rulesBroken(line(100))).toEqual([]);
    expect(rulesBroken(line(201))).toEqual([]);
  });

  test("a dead letter instead of an ack, even one that no answer delivered", () => {
    const first = delivered(0, 100);
    expect(rulesBroken([sent(0), first, settled(first, 150, { action: "deadLetter" }), pulled(0), dead(0)])).toEqual([]);
    expect(rulesBroken([sent(0), pulled(0), dead(0)])).toEqual([]);
  });

  test("a lease that its holder had extended", () => {
    const first = delivered(0, 100);
    const longer = delivered(0, 500, { extended: true, receiptHandle: "longer", requestedAtMs: 499, leaseUntilMs: 3_000 });
    const extend = settled(first, 499, { action: "extend" });
    expect(rulesBroken([sent(0), first, extend, longer, settled(longer, 2_000), pulled(0)])).toEqual([]);
    const other = delivered(0, 1_500, { consumer: "c2" });
    expect(rulesBroken([sent(0), first, extend, longer, other, settled(longer, 2_000), pulled(0)])).toEqual(["doubleLease"]);
  });

  test("a redelivery that was on its way when the ack was answered", () => {
    const first = delivered(0, 100);
    const crossing = delivered(0, 1_500, { requestedAtMs: 150, leaseUntilMs: 1_400 });
    expect(audit([sent(0), first, settled(first, 200), crossing, pulled(0), range(1)], GROUPS)).toEqual([]);
  });
});
