import { waitingCheckKey } from "../keys.ts";
import type { Clock } from "../ports/clock.ts";
import type { Events } from "../ports/events.ts";
import type { Item, ItemStore, TransactResult } from "../ports/item-store.ts";
import { StoreUnavailable } from "../ports/store-failures.ts";
import { type CheckTimer, checkTimerItem, isCheck, isFree, timerKey } from "../timer/timer.ts";
import type { Arrivals } from "../wake/arrivals.ts";
import type { Endpoint } from "./endpoints.ts";
import { checked, discarding, failing, type HalfMessage, halfMessageKey, halfMessageOf, inState } from "./half-message.ts";
import type { PostedChecks } from "./posted-checks.ts";
import type { ProducerGroupRegistry } from "./producer-group-registry.ts";
import type { ProducerGroup } from "./transaction.ts";
import {
  CHECK_INTERVAL_MS,
  MAX_CHECKS_DEFAULT,
  UNASKED_CHECK_INTERVAL_MS_MAX,
  UNASKED_LIFE_MS,
  UNREADABLE_CHECK_INTERVAL_MS,
} from "./transaction-limits.ts";
import { checkLane, waitingCheckItem } from "./waiting-check.ts";

export interface CheckingTransactions {
  readonly items: ItemStore;
  readonly clock: Clock;
  readonly arrivals: Arrivals;
  readonly producerGroups: ProducerGroupRegistry;
  readonly postedChecks: PostedChecks;
  readonly events: Events;
}

/** The producer group that is asked. */
export interface AskedGroup {
  /** Absent: the group has no settings. */
  readonly settings: ProducerGroup | undefined;
  /** Absent: this process posts nothing to it. */
  readonly endpoint: Endpoint | undefined;
}

export type AskedGroupOf = (producerGroup: string) => Promise<AskedGroup>;

/** When the next check of the transaction is due, if one was set. */
export type CheckMade = { readonly nextMs: number | undefined };

const MADE: CheckMade = { nextMs: undefined };
const UNASKED = `In ${UNASKED_LIFE_MS / 3_600_000} hours none of its checks could be posted to the endpoint, and none was received.`;

/**
 * Makes a due check. If the transaction is undecided, its producers are asked and the next check is set; after too many checks the
 * transaction is discarded. If it is decided, the check is deleted. Repeatable, also by two processes at once: an undecided transaction
 * has one check timer, and the process that deletes the timer made the check. `read`: the half message, if it was read already.
 * Errors: `StoreUnavailable`, `StoreCorrupt`.
 */
export async function checkTransaction(
  checking: CheckingTransactions,
  timer: CheckTimer,
  groupOf: AskedGroupOf,
  read?: { readonly item: Item | undefined },
): Promise<CheckMade> {
  for (let found = read; ; found = undefined) {
    const { item } = found ?? { item: await checking.items.get(halfMessageKey(timer.id)) };
    const half = item && halfMessageOf(item);
    if (half?.state !== "PREPARED") {
      if (await drop(checking, timer, half)) return MADE;
      continue;
    }
    const group = await groupOf(half.producerGroup);
    const made = await make(checking, timer, half, group);
    if (made) return made;
  }
}

/** `undefined`: it was decided meanwhile. */
async function make(
  checking: CheckingTransactions,
  timer: CheckTimer,
  half: HalfMessage,
  group: AskedGroup,
): Promise<CheckMade | undefined> {
  const { clock, events } = checking;
  const intervalMs = nextIntervalMs(half, timer, group.settings, clock.nowMs());
  if (intervalMs !== undefined) {
    // The next check must never take this timer's own place, wherever the clock went.
    const nextMs = Math.max(clock.nowMs(), timer.dueMs) + intervalMs;
    return ask(checking, timer, half, group, nextMs);
  }
  const asked = isAsked(half, group.settings);
  const result = await discard(checking, timer, half, asked);
  const { id: transactionId, topic, producerGroup } = half;
  if (result.ok)
    events.happened({ kind: "transactionDiscarded", topic, producerGroup, transactionId, checks: timer.checks, asked });
  return result.ok || isGone(result) ? MADE : undefined;
}

/** Without an endpoint, a check that waits to be received counts as asked. */
const isAsked = (half: HalfMessage, settings: ProducerGroup | undefined): boolean => half.asked || settings?.url === undefined;

/** How long after this check the next one comes; `undefined`: this was the last. */
function nextIntervalMs(
  half: HalfMessage,
  { checks }: CheckTimer,
  settings: ProducerGroup | undefined,
  nowMs: number,
): number | undefined {
  const beyond = checks - (settings?.maxChecks ?? MAX_CHECKS_DEFAULT);
  if (beyond < 0) return CHECK_INTERVAL_MS;
  if (isAsked(half, settings) || nowMs - half.createdAtMs >= UNASKED_LIFE_MS) return undefined;
  return Math.min(UNASKED_CHECK_INTERVAL_MS_MAX, CHECK_INTERVAL_MS * 2 ** (beyond + 1));
}

/** The timer was gone: another process made the check. */
const isGone = (result: TransactResult): boolean => !result.ok && result.failures[1] !== undefined;

/** One transaction: the count, the next check in place of this one, and the question. */
async function ask(
  checking: CheckingTransactions,
  timer: CheckTimer,
  half: HalfMessage,
  { settings, endpoint }: AskedGroup,
  nextMs: number,
): Promise<CheckMade | undefined> {
  const { items, clock, arrivals, postedChecks } = checking;
  const { id: transactionId, producerGroup } = half;
  const checkNumber = timer.checks + 1;
  const refusal = endpoint && postedChecks.refusal(endpoint, transactionId);
  const noted = settings?.url !== undefined && !half.asked;
  const key = halfMessageKey(transactionId);
  const result = await confirming(checking, { ...half, checks: checkNumber, nextCheckAtMs: nextMs }, () =>
    items.transact([
      { kind: "update", key, changes: checked(checkNumber, nextMs, refusal), when: inState("PREPARED") },
      { kind: "delete", key: timerKey(timer), when: isCheck },
      { kind: "put", item: checkTimerItem({ ...timer, dueMs: nextMs, checks: checkNumber, producerGroup }) },
      { kind: "put", item: waitingCheckItem(producerGroup, { transactionId, checkNumber, noted }, clock.nowMs()) },
    ]),
  );
  if (!result.ok) return isGone(result) ? MADE : undefined;
  arrivals.ring(checkLane(producerGroup));
  if (endpoint && refusal !== undefined) postedChecks.refused(endpoint, transactionId, checkNumber, refusal);
  else if (endpoint) postedChecks.add(endpoint, half, checkNumber);
  return { nextMs };
}

/** A check whose reply was lost may be stored: then it is posted too. */
async function confirming(
  { items }: CheckingTransactions,
  { id, checks, nextCheckAtMs }: HalfMessage,
  write: () => Promise<TransactResult>,
): Promise<TransactResult> {
  try {
    return await write();
  } catch (error) {
    if (!StoreUnavailable.is(error) || error.outcome !== "unknown") throw error;
    const item = await items.get(halfMessageKey(id));
    const found = item && halfMessageOf(item);
    if (found?.state === "PREPARED" && found.checks === checks && found.nextCheckAtMs === nextCheckAtMs) return { ok: true };
    throw error;
  }
}

function discard(
  { items, clock }: CheckingTransactions,
  timer: CheckTimer,
  half: HalfMessage,
  asked: boolean,
): Promise<TransactResult> {
  return items.transact([
    {
      kind: "update",
      key: halfMessageKey(half.id),
      changes: [...discarding(clock.nowMs()), ...(asked ? [] : [failing(UNASKED)])],
      when: inState("PREPARED"),
    },
    { kind: "delete", key: timerKey(timer), when: isCheck },
    { kind: "delete", key: waitingCheckKey(half.producerGroup, half.id) },
  ]);
}

/** Deletes a needless check. A check never lacks its half message for long: a missing one will soon be seen, or was forgotten. */
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

/** Checks an unreadable half message again later. Nothing else that is due waits for it. */
export async function putOff({ items, clock }: CheckingTransactions, timer: CheckTimer): Promise<CheckMade> {
  const nextMs = Math.max(clock.nowMs(), timer.dueMs) + UNREADABLE_CHECK_INTERVAL_MS;
  const result = await items.transact([
    { kind: "delete", key: timerKey(timer), when: isCheck },
    { kind: "put", item: checkTimerItem({ ...timer, dueMs: nextMs }) },
  ]);
  return result.ok ? { nextMs } : MADE;
}
