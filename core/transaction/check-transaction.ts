import type { Arrivals } from "../consume/arrivals.ts";
import { waitingCheckKey } from "../keys.ts";
import type { Clock } from "../ports/clock.ts";
import type { Events, TransactionDiscarded } from "../ports/events.ts";
import type { ItemStore, TransactResult } from "../ports/item-store.ts";
import { StoreUnavailable } from "../ports/store-failures.ts";
import { type CheckTimer, checkTimerItem, isCheck, isFree, timerKey } from "../timer/timer.ts";
import { discarding, type HalfMessage, halfMessageKey, halfMessageOf, inState } from "./half-message.ts";
import type { PostedChecks } from "./posted-checks.ts";
import type { ProducerGroupRegistry } from "./producer-group-registry.ts";
import { CHECK_INTERVAL_MS, MAX_CHECKS_DEFAULT } from "./transaction-limits.ts";
import { checkLane, waitingCheckItem } from "./waiting-check.ts";

export interface CheckingTransactions {
  readonly items: ItemStore;
  readonly clock: Clock;
  readonly arrivals: Arrivals;
  readonly producerGroups: ProducerGroupRegistry;
  readonly postedChecks: PostedChecks;
  readonly events: Events;
}

/**
 * Does what a due check asks for: where the transaction is not decided, its producers are asked and the next check is set, or, after
 * too many, it is discarded; where it is, the check goes. Repeatable, also by two at once: an undecided transaction has one check
 * timer, and whoever deletes that made the check. Errors: `StoreUnavailable`.
 */
export async function checkTransaction(checking: CheckingTransactions, timer: CheckTimer): Promise<void> {
  const { items, producerGroups } = checking;
  try {
    for (let done = false; !done; ) {
      const item = await items.get(halfMessageKey(timer.id));
      const half = item && halfMessageOf(item);
      if (half?.state !== "PREPARED") {
        done = await drop(checking, timer, half);
        continue;
      }
      const group = await producerGroups.lookUp(half.producerGroup);
      const last = timer.checks >= (group?.maxChecks ?? MAX_CHECKS_DEFAULT);
      const result = last ? await discard(checking, timer, half) : await ask(checking, timer, half);
      if (result.ok && last) checking.events.happened(discarded(half, timer));
      if (result.ok && !last) {
        checking.arrivals.ring(checkLane(half.producerGroup));
        if (group) checking.postedChecks.add(half, timer.checks + 1, group);
      }
      // Where the timer was gone, someone else made the check.
      done = result.ok || result.failures[1] !== undefined;
    }
  } catch (error) {
    // Someone is deciding it, or checking it, at this moment: what that comes to the next look finds.
    if (!StoreUnavailable.is(error) || error.reason !== "conflict" || error.outcome === "unknown") throw error;
  }
}

const discarded = ({ id, topic, producerGroup }: HalfMessage, { checks }: CheckTimer): TransactionDiscarded => ({
  kind: "transactionDiscarded",
  topic,
  producerGroup,
  transactionId: id,
  checks,
});

/** One transaction: the count, the next check in place of this one, and the question. */
function ask({ items, clock }: CheckingTransactions, timer: CheckTimer, half: HalfMessage): Promise<TransactResult> {
  const nowMs = clock.nowMs();
  // Never this one's own place, wherever the clock went.
  const next = {
    ...timer,
    dueMs: Math.max(nowMs, timer.dueMs) + CHECK_INTERVAL_MS,
    checks: timer.checks + 1,
    producerGroup: half.producerGroup,
  };
  return items.transact([
    {
      kind: "update",
      key: halfMessageKey(half.id),
      changes: [
        { op: "set", name: "c", value: next.checks },
        { op: "set", name: "nc", value: next.dueMs },
        { op: "remove", name: "w" },
      ],
      when: inState("PREPARED"),
    },
    { kind: "delete", key: timerKey(timer), when: isCheck },
    { kind: "put", item: checkTimerItem(next) },
    { kind: "put", item: waitingCheckItem(half.producerGroup, half.id, next.checks, nowMs) },
  ]);
}

function discard({ items, clock }: CheckingTransactions, timer: CheckTimer, half: HalfMessage): Promise<TransactResult> {
  return items.transact([
    {
      kind: "update",
      key: halfMessageKey(half.id),
      changes: discarding(clock.nowMs()),
      when: inState("PREPARED"),
    },
    { kind: "delete", key: timerKey(timer), when: isCheck },
    { kind: "delete", key: waitingCheckKey(half.producerGroup, half.id) },
  ]);
}

/** A check is never left without its half message: one that seems to be is about to be seen, or forgotten. */
async function drop({ items }: CheckingTransactions, timer: CheckTimer, half: HalfMessage | undefined): Promise<boolean> {
  if (half) {
    await items.delete(timerKey(timer), { when: isCheck });
    return true;
  }
  const result = await items.transact([
    { kind: "delete", key: timerKey(timer) },
    { kind: "check", key: halfMessageKey(timer.id), when: isFree },
  ]);
  return result.ok;
}
