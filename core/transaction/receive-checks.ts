import { waitingCheckKey, waitingChecksPk } from "../keys.ts";
import type { QueueLog } from "../log/queue-log.ts";
import { bodyBytes } from "../message/body-bytes.ts";
import type { Clock } from "../ports/clock.ts";
import type { ItemStore } from "../ports/item-store.ts";
import type { Reading } from "../ports/reading.ts";
import { StoreCorrupt, StoreUnavailable } from "../ports/store-failures.ts";
import { keyAfter } from "../store/every-item.ts";
import type { Arrivals, PassOn } from "../wake/arrivals.ts";
import { ASKED, type HalfMessage, halfMessageKey, halfMessageOf, inState } from "./half-message.ts";
import { checkProducerGroupName } from "./producer-group-name.ts";
import { sideBySide } from "./side-by-side.ts";
import type { TransactionCheck } from "./transaction.ts";
import { transactionCheck } from "./transaction-check.ts";
import {
  NOTES_WRITTEN_AT_ONCE,
  WAITING_CHECKS_PER_PAGE,
  WAITING_CHECKS_READ_MAX,
  WAITING_CHECKS_TAKE_MS,
} from "./transaction-limits.ts";
import type { ReceiveChecksRequest } from "./transactions.ts";
import { checkLane, isCheckNumber, type WaitingCheck, waitingCheckOf } from "./waiting-check.ts";

export interface ReceivingChecks {
  readonly items: ItemStore;
  readonly clock: Clock;
  readonly log: QueueLog;
  readonly arrivals: Arrivals;
  readonly reading: Reading;
}

/**
 * Takes checks that wait for a producer of the group, the oldest transaction first; answer each with `endTransaction`. Every check goes
 * to one producer. There is no lease: if a check is not answered, or its reply is lost, the next check follows. The first check is
 * taken whatever its size.
 *
 * Errors: BAD_REQUEST for the name, TOO_MANY_REQUESTS when too many wait. Source: RocketMQ's RecoverOrphanedTransactionCommand.
 */
export async function receiveChecks(
  receiving: ReceivingChecks,
  producerGroup: string,
  request: ReceiveChecksRequest,
  signal?: AbortSignal,
): Promise<readonly TransactionCheck[]> {
  checkProducerGroupName(producerGroup);
  const { arrivals, clock } = receiving;
  const untilMs = clock.nowMs() + request.waitMs;
  const takeOnce = () =>
    receiving.reading.admit(
      () =>
        take(receiving, producerGroup, request, { untilMs: Math.max(untilMs, clock.nowMs() + WAITING_CHECKS_TAKE_MS), signal }),
      ({ checks }) => bodyBytes(checks.map(({ message }) => message)),
    );
  if (request.waitMs <= 0) return (await takeOnce()).checks;
  const waiter = arrivals.join([{ lane: checkLane(producerGroup) }], signal);
  // A receive that fails, or whose producer has gone, passes its ring on.
  let passOn: PassOn = "visited";
  try {
    for (;;) {
      const { checks, more } = await takeOnce();
      if (checks.length > 0) return checks;
      if (signal?.aborted) return [];
      if (clock.nowMs() >= untilMs || arrivals.stopped) {
        passOn = "nothing";
        return [];
      }
      if (!more) await waiter.wait(untilMs - clock.nowMs());
    }
  } finally {
    waiter.leave(passOn);
  }
}

/** Takes checks from the first page that has any. `more`: the time was over before the last page. */
async function take(
  receiving: ReceivingChecks,
  producerGroup: string,
  { max, maxBytes }: ReceiveChecksRequest,
  { untilMs, signal }: { readonly untilMs: number; readonly signal: AbortSignal | undefined },
): Promise<{ readonly checks: readonly TransactionCheck[]; readonly more: boolean }> {
  const { items, clock } = receiving;
  let from: string | undefined;
  let limit: number = WAITING_CHECKS_PER_PAGE.first;
  for (let read = 0; read < WAITING_CHECKS_READ_MAX; limit = WAITING_CHECKS_PER_PAGE.next) {
    const page = await items.query({ pk: waitingChecksPk(producerGroup), ...(from && { from }), limit });
    read += page.items.length;
    const asked = await dropEnded(receiving, producerGroup, page.items.map(waitingCheckOf));
    // The producer has gone: checks taken from here on would be lost.
    if (signal?.aborted) return { checks: [], more: true };
    const checks = await takeEach(receiving, await fitting(receiving, asked, { max, maxBytes }));
    const last = page.items.at(-1);
    if (checks.length > 0 || !page.more || !last) return { checks, more: false };
    if (clock.nowMs() >= untilMs) break;
    from = keyAfter(last.sk);
  }
  return { checks: [], more: true };
}

/** A waiting check, and its transaction. */
interface Asked {
  readonly half: HalfMessage;
  readonly waiting: WaitingCheck;
}

/** Leaves out, and deletes, checks whose transaction ended while they waited. */
async function dropEnded(
  { items, clock }: ReceivingChecks,
  producerGroup: string,
  checks: readonly WaitingCheck[],
): Promise<readonly Asked[]> {
  if (checks.length === 0) return [];
  const halves = await items.batchGet(checks.map(({ transactionId }) => halfMessageKey(transactionId)));
  const asked: Asked[] = [];
  const ended: WaitingCheck[] = [];
  for (const [at, waiting] of checks.entries()) {
    const item = halves[at];
    const half = item && halfMessageOf(item);
    const live = waiting.expiresAtSeconds > clock.nowMs() / 1_000;
    if (live && half?.state === "PREPARED" && half.checks === waiting.checkNumber) asked.push({ half, waiting });
    else ended.push(waiting);
  }
  // A check whose deletion failed will be met again.
  await sideBySide(ended, NOTES_WRITTEN_AT_ONCE, async ({ transactionId, checkNumber }) => {
    await items.delete(waitingCheckKey(producerGroup, transactionId), { when: isCheckNumber(checkNumber) });
  });
  return asked;
}

interface Fitting {
  readonly check: TransactionCheck;
  readonly noted: boolean;
}

/** As many checks as fit into one reply. A check with an unreadable message must not hide the others. */
async function fitting(
  { log }: ReceivingChecks,
  asked: readonly Asked[],
  { max, maxBytes }: Pick<ReceiveChecksRequest, "max" | "maxBytes">,
): Promise<readonly Fitting[]> {
  const fits: Fitting[] = [];
  let bytes = 0;
  for (const { half, waiting } of asked) {
    if (fits.length === max) return fits;
    try {
      const check = await transactionCheck(log, half, half.checks);
      bytes += check.message.body.length;
      if (fits.length > 0 && bytes > maxBytes) return fits;
      fits.push({ check, noted: waiting.noted });
    } catch (error) {
      if (!StoreCorrupt.is(error)) throw error;
    }
  }
  return fits;
}

/** Takes the checks that no other receive has taken. Errors: `StoreUnavailable` if none could be taken. */
async function takeEach(receiving: ReceivingChecks, fits: readonly Fitting[]): Promise<readonly TransactionCheck[]> {
  const taking = await Promise.allSettled(
    fits.map(async ({ check, noted }) => {
      const key = waitingCheckKey(check.producerGroup, check.transactionId);
      const { ok } = await receiving.items.delete(key, { when: isCheckNumber(check.checkNumber) });
      if (ok && noted) await noteAsked(receiving, check.transactionId);
      return ok ? check : undefined;
    }),
  );
  const taken = taking.flatMap((result) => (result.status === "fulfilled" && result.value ? [result.value] : []));
  const failures = taking.filter((result) => result.status === "rejected");
  const failed = failures.find(({ reason }) => StoreUnavailable.is(reason) && reason.outcome === "unknown") ?? failures[0];
  // Checks that were taken must reach their producer, whatever happened to the others.
  if (taken.length === 0 && failed) throw failed.reason;
  return taken;
}

/** Notes that a producer was asked. If that fails, the transaction is only checked for longer. */
async function noteAsked({ items }: ReceivingChecks, transactionId: string): Promise<void> {
  try {
    await items.update(halfMessageKey(transactionId), [ASKED], { when: inState("PREPARED") });
  } catch (error) {
    if (!StoreUnavailable.is(error)) throw error;
  }
}
