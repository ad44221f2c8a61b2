import type { Delivery } from "./delivery.ts";
import { decidingMove, type Step, type Timer, wasThereBefore } from "./timer.ts";

interface Ordered {
  readonly timer: Timer;
  readonly delivery: Delivery;
  readonly decided: Step;
}

/**
 * Messages of one message group that were delivered against the order of their due times, or, due at once, against that of their
 * send. Only those count that were there before any scanner could look for the later one.
 */
export function* outOfOrder(timers: Iterable<Timer>, deliveryOf: (text: string) => Delivery | undefined): Generator<string> {
  const groups = new Map<string, Ordered[]>();
  for (const timer of timers) {
    const delivery = deliveryOf(timer.text);
    const decided = decidingMove(timer);
    if (timer.messageGroup === undefined || !delivery || !decided) continue;
    const key = `${timer.topic}/${timer.messageGroup}`;
    groups.set(key, [...(groups.get(key) ?? []), { timer, delivery, decided }]);
  }
  for (const group of groups.values()) {
    for (const later of group)
      for (const earlier of group) {
        const sameQueue = earlier.delivery.queueId === later.delivery.queueId;
        if (!precedes(earlier, later) || (sameQueue && earlier.delivery.offset < later.delivery.offset)) continue;
        yield `${later.timer.text} is delivered before ${earlier.timer.text} of its group, which was due before`;
      }
  }
}

function precedes(earlier: Ordered, later: Ordered): boolean {
  if (!wasThereBefore(earlier.decided, later.decided.dueMs)) return false;
  if (earlier.decided.dueMs !== later.decided.dueMs) return earlier.decided.dueMs < later.decided.dueMs;
  const sentTogether = earlier.timer.call === later.timer.call && earlier.timer.steps.length + later.timer.steps.length === 2;
  return sentTogether && earlier.timer.index < later.timer.index && wasThereBefore(later.decided, later.decided.dueMs);
}
