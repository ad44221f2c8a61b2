import type { Arrivals, PassOn } from "../consume/arrivals.ts";
import { waitingCheckKey, waitingChecksPk } from "../keys.ts";
import type { QueueLog } from "../log/queue-log.ts";
import { bodyBytes } from "../message/body-bytes.ts";
import type { Clock } from "../ports/clock.ts";
import type { ItemStore } from "../ports/item-store.ts";
import type { Reading } from "../ports/reading.ts";
import { StoreCorrupt, StoreUnavailable } from "../ports/store-failures.ts";
import type { TransactionCheck } from "../terms.ts";
import { type HalfMessage, halfMessageKey, halfMessageOf } from "./half-message.ts";
import { checkProducerGroupName } from "./producer-group-name.ts";
import { transactionCheck } from "./transaction-check.ts";
import { WAITING_CHECKS_LOOKED_AT_MAX } from "./transaction-limits.ts";
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
 * Takes checks that wait for a producer of the group, the oldest transaction first; answer each with `endTransaction`. Every check
 * goes to one producer. There is no lease: one that is not answered, or whose reply is lost, is followed by the next check. The
 * first comes whatever its size.
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
  const look = () =>
    receiving.reading.admit(
      () => take(receiving, producerGroup, request),
      (checks) => bodyBytes(checks.map(({ message }) => message)),
    );
  if (request.waitMs <= 0) return look();
  const { arrivals, clock } = receiving;
  const untilMs = clock.nowMs() + request.waitMs;
  const waiter = arrivals.join([{ lane: checkLane(producerGroup) }], signal);
  // Whoever fails or goes away passes its ring on.
  let passOn: PassOn = "looked";
  try {
    for (;;) {
      const checks = await look();
      if (checks.length > 0) return checks;
      if (signal?.aborted) return [];
      if (clock.nowMs() >= untilMs || arrivals.stopped) {
        passOn = "nothing";
        return [];
      }
      await waiter.wait(untilMs - clock.nowMs());
    }
  } finally {
    waiter.leave(passOn);
  }
}

/** From the first page that has any. */
async function take(
  receiving: ReceivingChecks,
  producerGroup: string,
  { max, maxBytes }: ReceiveChecksRequest,
): Promise<readonly TransactionCheck[]> {
  let from: string | undefined;
  for (let looked = 0; looked < WAITING_CHECKS_LOOKED_AT_MAX; looked += max) {
    const page = await receiving.items.query({ pk: waitingChecksPk(producerGroup), ...(from && { from }), limit: max });
    const asked = await dropEnded(receiving, producerGroup, page.items.map(waitingCheckOf));
    const taken = await takeEach(receiving, await fitting(receiving, asked, maxBytes));
    const last = page.items.at(-1);
    if (taken.length > 0 || !page.more || !last) return taken;
    from = `${last.sk}\u0000`;
  }
  return [];
}

/** Nobody is asked about a transaction that ended while its check waited. */
async function dropEnded(
  { items, clock }: ReceivingChecks,
  producerGroup: string,
  checks: readonly WaitingCheck[],
): Promise<readonly HalfMessage[]> {
  if (checks.length === 0) return [];
  const halves = await items.batchGet(checks.map(({ transactionId }) => halfMessageKey(transactionId)));
  const asked: HalfMessage[] = [];
  const ended: WaitingCheck[] = [];
  for (const [at, check] of checks.entries()) {
    const item = halves[at];
    const half = item && halfMessageOf(item);
    const live = check.expiresAtSeconds > clock.nowMs() / 1_000;
    if (live && half?.state === "PREPARED" && half.checks === check.checkNumber) asked.push(half);
    else ended.push(check);
  }
  await Promise.all(
    ended.map(({ transactionId, checkNumber }) =>
      items.delete(waitingCheckKey(producerGroup, transactionId), { when: isCheckNumber(checkNumber) }),
    ),
  );
  return asked;
}

/** As many as one reply has room for. One whose message cannot be read must not hide the others. */
async function fitting(
  { log }: ReceivingChecks,
  halves: readonly HalfMessage[],
  maxBytes: number,
): Promise<readonly TransactionCheck[]> {
  const checks: TransactionCheck[] = [];
  let bytes = 0;
  for (const half of halves) {
    try {
      const check = await transactionCheck(log, half, half.checks);
      bytes += check.message.body.length;
      if (checks.length > 0 && bytes > maxBytes) return checks;
      checks.push(check);
    } catch (error) {
      if (!StoreCorrupt.is(error)) throw error;
    }
  }
  return checks;
}

/** Those that nobody else has taken. Errors: `StoreUnavailable` when none could be. */
async function takeEach({ items }: ReceivingChecks, checks: readonly TransactionCheck[]): Promise<readonly TransactionCheck[]> {
  const taking = await Promise.allSettled(
    checks.map(async (check) => {
      const key = waitingCheckKey(check.producerGroup, check.transactionId);
      const { ok } = await items.delete(key, { when: isCheckNumber(check.checkNumber) });
      return ok ? check : undefined;
    }),
  );
  const taken = taking.flatMap((result) => (result.status === "fulfilled" && result.value ? [result.value] : []));
  const failures = taking.filter((result) => result.status === "rejected");
  const failed = failures.find(({ reason }) => StoreUnavailable.is(reason) && reason.outcome === "unknown") ?? failures[0];
  // What was taken must reach its producer, whatever became of the others.
  if (taken.length === 0 && failed) throw failed.reason;
  return taken;
}
