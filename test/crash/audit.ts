import type { DeliveredEvent, HistoryEvent, Placed, SettledEvent } from "./history.ts";

export const RULES = [
  "lost",
  "hole",
  "offsetReused",
  "storedTwice",
  "phantom",
  "neverDelivered",
  "ackedRedelivered",
  "doubleLease",
  "unsettled",
  "unexpected",
] as const;
export type Rule = (typeof RULES)[number];

export interface Violation {
  readonly rule: Rule;
  readonly detail: string;
}

const place = (message: { readonly queueId: number; readonly offset: number }): string => `${message.queueId}/${message.offset}`;

/** Accepts only what is certain: a delivery or lease whose order in time the clients cannot know is never a violation. */
export const audit = (history: readonly HistoryEvent[], groups: readonly string[]): readonly Violation[] => {
  const pulled = new Map<string, Placed>();
  for (const event of history) if (event.kind === "pulled") pulled.set(place(event), event);
  return [
    ...history.flatMap((event): Violation[] => (event.kind === "unexpected" ? [{ rule: "unexpected", detail: event.what }] : [])),
    ...auditLog(history, pulled),
    ...auditIdentity(history),
    ...groups.flatMap((group) => auditGroup(history, pulled, group)),
  ];
};

/** Every acknowledged send is where it was said to be (I1); offsets are dense from 0 (I2). */
const auditLog = (history: readonly HistoryEvent[], pulled: ReadonlyMap<string, Placed>): Violation[] => {
  const violations: Violation[] = [];
  for (const event of history) {
    if (event.kind === "sent") {
      const found = pulled.get(place(event));
      if (found?.messageId !== event.messageId || found.body !== event.body) {
        violations.push({
          rule: "lost",
          detail: `${event.messageId} at ${place(event)}: found ${found?.messageId ?? "nothing"}`,
        });
      }
    } else if (event.kind === "range") {
      if (event.minOffset !== 0) violations.push({ rule: "hole", detail: `queue ${event.queueId} starts at ${event.minOffset}` });
      for (let offset = 0; offset < event.maxOffset; offset++) {
        const at = place({ queueId: event.queueId, offset });
        if (!pulled.has(at)) violations.push({ rule: "hole", detail: `nothing at ${at}, below ${event.maxOffset}` });
      }
    }
  }
  return violations;
};

/** One offset shows one message to every reader, for ever (I2, I3); one attempt to send is stored once, and nothing unsent is. */
const auditIdentity = (history: readonly HistoryEvent[]): Violation[] => {
  const violations: Violation[] = [];
  const attempts = new Set(
    history.flatMap((event) => (event.kind === "sent" || event.kind === "sendUnknown" ? [event.body] : [])),
  );
  const byPlace = new Map<string, Placed>();
  const byBody = new Map<string, string>();
  for (const event of history) {
    if (event.kind !== "sent" && event.kind !== "delivered" && event.kind !== "pulled") continue;
    const at = place(event);
    const before = byPlace.get(at);
    if (before !== undefined && (before.messageId !== event.messageId || before.body !== event.body)) {
      violations.push({ rule: "offsetReused", detail: `${at} was ${before.messageId}, then ${event.messageId} (${event.kind})` });
    }
    byPlace.set(at, before ?? event);
    const elsewhere = byBody.get(event.body);
    if (elsewhere !== undefined && elsewhere !== at) {
      violations.push({ rule: "storedTwice", detail: `${event.messageId} at ${elsewhere} and at ${at}` });
    }
    byBody.set(event.body, elsewhere ?? at);
    if (!attempts.has(event.body)) violations.push({ rule: "phantom", detail: `${event.messageId} at ${at} was never sent` });
  }
  return violations;
};

/** Nothing is skipped (I5), nothing acked comes back, no two hold one message (I4), and all adds up once drained (I10). */
const auditGroup = (history: readonly HistoryEvent[], pulled: ReadonlyMap<string, Placed>, group: string): Violation[] => {
  const deliveries = new Map<string, DeliveredEvent[]>();
  const settles = new Map<string, SettledEvent[]>();
  for (const event of history) {
    if (event.kind === "delivered" && event.group === group) push(deliveries, place(event), event);
    if (event.kind === "settled" && event.group === group) push(settles, event.receiptHandle, event);
  }
  const violations: Violation[] = [];
  for (const [at, message] of pulled) {
    const report = (rule: Rule, detail: string) =>
      violations.push({ rule, detail: `${group}: ${message.messageId} at ${at} ${detail}` });
    const delivered = deliveries.get(at) ?? [];
    if (delivered.length === 0) {
      report("neverDelivered", "was never delivered");
      continue;
    }
    const acks = delivered.flatMap((one) => settles.get(one.receiptHandle) ?? []).filter((settle) => settle.action === "ack");
    const ackedAtMs = Math.min(...acks.filter((ack) => ack.outcome === "done").map((ack) => ack.answeredAtMs));
    const late = delivered.find((one) => one.requestedAtMs > ackedAtMs);
    if (late !== undefined)
      report("ackedRedelivered", `was acked at ${ackedAtMs} and received by a request of ${late.requestedAtMs}`);
    if (!acks.some((ack) => ack.outcome !== "leaseLost")) report("unsettled", "was never acked");
    const overlap = overlappingHolds(delivered, settles);
    if (overlap !== undefined) report("doubleLease", overlap);
  }
  return violations;
};

/** A consumer certainly holds a message from the answer's arrival until its lease ends or it asks to settle it. */
const overlappingHolds = (
  delivered: readonly DeliveredEvent[],
  settles: ReadonlyMap<string, readonly SettledEvent[]>,
): string | undefined => {
  const holds = delivered
    .map((one) => ({
      consumer: one.consumer,
      fromMs: one.receivedAtMs,
      untilMs: Math.min(one.leaseUntilMs, ...(settles.get(one.receiptHandle) ?? []).map((settle) => settle.requestedAtMs)),
    }))
    .filter((hold) => hold.fromMs < hold.untilMs)
    .sort((a, b) => a.fromMs - b.fromMs);
  // The latest end so far, not just the previous hold: a long hold may span several short ones.
  let longest = holds[0];
  for (const hold of holds.slice(1)) {
    if (longest === undefined) break;
    if (hold.fromMs < longest.untilMs) {
      return `was held by ${longest.consumer} until ${longest.untilMs} and by ${hold.consumer} from ${hold.fromMs}`;
    }
    if (hold.untilMs > longest.untilMs) longest = hold;
  }
  return undefined;
};

const push = <T>(lists: Map<string, T[]>, key: string, value: T): void => {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
};
