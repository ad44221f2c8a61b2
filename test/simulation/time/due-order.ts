import type { Delivery } from "./delivery.ts";
import { decidingMove, type Step, type Timer, wasThereBefore } from "./timer.ts";

interface Ordered {
  readonly timer: Timer;
  readonly delivery: Delivery;
  readonly decided: Step;
}

/**
 * Messages of one message group that were delivered against the order of their due times or, if due at once, of their sends. Only
 * messages count that existed before any scanner could look for the later one.
 */
export function* outOfOrder(timers: Iterable<Timer>, deliveryOf: (text: string) => Delivery | undefined): Generator<string> {
  const groups = new Map<string, Ordered[]>();
  for (const timer of timers) {
    const delivery = deliveryOf(timer.text);
    const decided = decidingMove(timer);
    if (timer.messageGroup === undefined || !delivery || !decided) continue;
    const key = `${timer.topic}/${timer.messageGroup}`;
    const group = groups.get(key) ?? [];
    group.push({ timer, delivery, decided });
    groups.set(key, group);
  }
  for (const [key, group] of groups) {
    if (new Set(group.map(({ delivery }) => delivery.queueId)).size > 1) yield `${key} is delivered to more than one queue`;
    else yield* overtaken(group.sort((one, other) => one.delivery.offset - other.delivery.offset));
  }
}

/** `group`: in the order of delivery. An overtaken message is named once. */
function* overtaken(group: readonly Ordered[]): Generator<string> {
  let latest: Ordered | undefined;
  /** The last of the messages that were sent and due together. */
  const lastOfCall = new Map<string, Ordered>();
  for (const one of group) {
    const { timer, decided } = one;
    const call = `${timer.call} ${decided.dueMs}`;
    const sentTogether = timer.steps.length === 1 ? lastOfCall.get(call) : undefined;
    const first = [latest, sentTogether].find((other) => other !== undefined && precedes(one, other));
    if (first) yield `${first.timer.text} is delivered before ${timer.text} of its group, which was due before`;
    if (latest === undefined || decided.dueMs > latest.decided.dueMs) latest = one;
    const isLast = sentTogether === undefined || timer.index > sentTogether.timer.index;
    if (timer.steps.length === 1 && isLast && wasThereBefore(decided, decided.dueMs)) lastOfCall.set(call, one);
  }
}

function precedes(earlier: Ordered, later: Ordered): boolean {
  if (!wasThereBefore(earlier.decided, later.decided.dueMs)) return false;
  if (earlier.decided.dueMs !== later.decided.dueMs) return earlier.decided.dueMs < later.decided.dueMs;
  const sentTogether = earlier.timer.call === later.timer.call && earlier.timer.steps.length + later.timer.steps.length === 2;
  return sentTogether && earlier.timer.index < later.timer.index && wasThereBefore(later.decided, later.decided.dueMs);
}
