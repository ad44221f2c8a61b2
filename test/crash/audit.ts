import { type GroupHistory, groupHistory, place, push } from "./group-history.ts";
import type { DeliveredEvent, HistoryEvent, Placed, PulledEvent, SettledEvent } from "./history.ts";

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
  "filtered",
  "outOfOrder",
  "deadTwice",
  "ackedAndDead",
  "deadLost",
  "unexpected",
] as const;
export type Rule = (typeof RULES)[number];

/** A group, and the tag of the messages it is subscribed to: without one, all. */
export interface AuditedGroup {
  readonly name: string;
  readonly tag?: string;
}

export interface Violation {
  readonly rule: Rule;
  readonly detail: string;
}

/** Accepts only what is certain: a delivery or lease whose order in time the clients cannot know is never a violation. */
export const audit = (history: readonly HistoryEvent[], groups: readonly AuditedGroup[]): readonly Violation[] => {
  const pulled = new Map<string, PulledEvent>();
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

/**
 * Nothing is skipped (I5), nothing acked comes back, no two hold one message (I4), order is kept (I6), and all adds up once drained
 * (I10).
 */
const auditGroup = (
  history: readonly HistoryEvent[],
  pulled: ReadonlyMap<string, PulledEvent>,
  { name, tag }: AuditedGroup,
): Violation[] => {
  const group = groupHistory(history, name);
  const violations: Violation[] = [];
  for (const [at, message] of pulled) {
    const delivered = group.deliveries.get(at) ?? [];
    const report = (rule: Rule, detail: string) =>
      violations.push({ rule, detail: `${name}: ${message.messageId} at ${at} ${detail}` });
    if (tag !== undefined && message.tag !== tag) {
      if (delivered.length > 0) report("filtered", `has the tag ${message.tag} and was delivered`);
      continue;
    }
    auditMessage(at, delivered, group, report);
  }
  return [...violations, ...auditOrder(pulled, group, name)];
};

const auditMessage = (
  at: string,
  delivered: readonly DeliveredEvent[],
  { settles, dead }: GroupHistory,
  report: (rule: Rule, detail: string) => void,
): void => {
  const letters = dead.get(at) ?? 0;
  if (letters > 1) report("deadTwice", `is ${letters} dead letters`);
  // The answers that delivered it may all have been lost.
  if (delivered.length === 0) {
    if (letters === 0) report("neverDelivered", "was never delivered");
    return;
  }
  const settled = delivered.flatMap((one) => settles.get(one.receiptHandle) ?? []);
  const done = (action: SettledEvent["action"]) => settled.filter((one) => one.action === action && one.outcome === "done");
  const ackedAtMs = Math.min(...done("ack").map((ack) => ack.answeredAtMs));
  const late = delivered.find((one) => one.requestedAtMs > ackedAtMs);
  if (late !== undefined)
    report("ackedRedelivered", `was acked at ${ackedAtMs} and received by a request of ${late.requestedAtMs}`);
  if (letters > 0 && done("ack").length > 0) report("ackedAndDead", "was acked, and is a dead letter");
  if (letters === 0 && done("deadLetter").length > 0) report("deadLost", "was dead-lettered, and is no dead letter");
  if (letters === 0 && !settled.some(({ action, outcome }) => action === "ack" && outcome !== "leaseLost")) {
    report("unsettled", "was never acked");
  }
  const overlap = overlappingHolds(delivered, settles);
  if (overlap !== undefined) report("doubleLease", overlap);
};

/** A message is handed out only when those of its message group ahead of it are settled, or with them. */
const auditOrder = (pulled: ReadonlyMap<string, PulledEvent>, group: GroupHistory, name: string): Violation[] => {
  const lines = new Map<string, PulledEvent[]>();
  for (const message of pulled.values()) {
    if (message.messageGroup !== undefined) push(lines, `${message.queueId}/${message.messageGroup}`, message);
  }
  const violations: Violation[] = [];
  for (const line of lines.values()) {
    const ahead: PulledEvent[] = [];
    for (const message of line.sort((a, b) => a.offset - b.offset)) {
      for (const delivery of group.deliveries.get(place(message)) ?? []) {
        const passed = ahead.find((one) => waitsFor(group, one, delivery));
        if (passed === undefined) continue;
        violations.push({
          rule: "outOfOrder",
          detail: `${name}: ${place(message)} was received at ${delivery.receivedAtMs}, before ${place(passed)} was settled`,
        });
      }
      // What was never seen by this group may have been filtered out or have died unseen.
      if (group.deliveries.has(place(message)) && !group.dead.has(place(message))) ahead.push(message);
    }
  }
  return violations;
};

/** Whether `ahead` was certainly neither settled when `delivery` arrived nor in the same answer. */
const waitsFor = ({ deliveries, settledFromMs }: GroupHistory, ahead: PulledEvent, delivery: DeliveredEvent): boolean =>
  !delivery.extended &&
  (settledFromMs.get(place(ahead)) ?? Number.POSITIVE_INFINITY) >= delivery.receivedAtMs &&
  !(deliveries.get(place(ahead)) ?? []).some(
    (one) => one.consumer === delivery.consumer && one.requestedAtMs === delivery.requestedAtMs,
  );

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
