import type { RunningBroker } from "../../core/create-broker.ts";
import { SETTLE_ENTRIES_MAX } from "../../core/limits.ts";
import type { Clock } from "../../core/ports/clock.ts";
import type { SettleEntry, SettleResult } from "../../core/requests.ts";
import type { ReceivedMessage } from "../../core/terms.ts";
import type { Session } from "./sessions.ts";

/** Push consumers name no lease: theirs are of this length, and renewed while they run. */
export const RENEWED_LEASE_MS = 60_000;
/** A lease is renewed this long before it ends. */
const AHEAD_MS = 20_000;
const SWEEP_MS = 5_000;
const RENEWED_AT_ONCE = 16;
/** A message that is held for longer is not renewed any more, and comes again. */
const HELD_MS_MAX = 3 * 3_600_000;
/** A client without a stream for longer is taken for dead. */
const STREAMLESS_MS_MAX = 30_000;
/** Messages of push consumers that a process keeps leased. With more, their receives wait. */
const HELD_MAX = 200_000;
const HELD_BY_CLIENT_MAX = 16_384;

/** Messages of one receive that are not settled yet. */
interface Batch {
  readonly group: string;
  readonly sinceMs: number;
  leaseUntilMs: number;
  readonly handles: Set<string>;
}

/**
 * Keeps the leases of push consumers running until they settle their messages, for as long as they live. Without it a message that is
 * processed for longer than a lease would be delivered twice. A crash of this process only ends the leases: the messages come again.
 */
export class Renewals {
  readonly #broker: RunningBroker;
  readonly #clock: Clock;
  readonly #onFailure: (error: unknown) => void;
  readonly #held = new Map<Session, Map<string, Batch>>();
  #count = 0;

  constructor(broker: RunningBroker, clock: Clock, onFailure: (error: unknown) => void) {
    this.#broker = broker;
    this.#clock = clock;
    this.#onFailure = onFailure;
  }

  /** Whether the client may hold more. */
  hasRoom(session: Session): boolean {
    return this.#count < HELD_MAX && (this.#held.get(session)?.size ?? 0) < HELD_BY_CLIENT_MAX;
  }

  /** Begins to renew the leases of these messages of one receive. */
  hold(session: Session, group: string, messages: readonly ReceivedMessage[]): void {
    const [first] = messages;
    if (!first) return;
    const handles = new Set(messages.map(({ receiptHandle }) => receiptHandle));
    const batch = { group, sinceMs: this.#clock.nowMs(), leaseUntilMs: first.leaseUntilMs, handles };
    const held = this.#held.get(session) ?? new Map<string, Batch>();
    this.#held.set(session, held);
    const before = held.size;
    for (const handle of handles) held.set(handle, batch);
    this.#count += held.size - before;
  }

  /** The client settled the message, or decided when it comes again. */
  release(session: Session, receiptHandle: string): void {
    const held = this.#held.get(session);
    const batch = held?.get(receiptHandle);
    if (!held || !batch) return;
    held.delete(receiptHandle);
    batch.handles.delete(receiptHandle);
    this.#count--;
    if (held.size === 0) this.#held.delete(session);
  }

  /** Forgets what the client holds. The leases end by themselves. */
  forget(session: Session): void {
    this.#count -= this.#held.get(session)?.size ?? 0;
    this.#held.delete(session);
  }

  /** Gives back what the client holds, as if it had not been delivered: the client has ended. */
  async giveBack(session: Session): Promise<void> {
    const batches = this.#batchesOf(session);
    this.forget(session);
    for (const { group, handles } of batches) {
      await this.#settle(group, handles, (receiptHandle) => ({ action: "nack", receiptHandle, delayMs: 0, countAttempt: false }));
    }
  }

  async keepRenewing(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#clock.sleep(SWEEP_MS, signal);
      const due = this.#dueForRenewal();
      for (let from = 0; from < due.length && !signal.aborted; from += RENEWED_AT_ONCE)
        await Promise.all(due.slice(from, from + RENEWED_AT_ONCE).map(([session, batch]) => this.#renew(session, batch)));
    }
  }

  /** What ends soon, the earliest first. Lets go of what is held for too long, or by clients that are gone. */
  #dueForRenewal(): readonly (readonly [Session, Batch])[] {
    const nowMs = this.#clock.nowMs();
    const due: (readonly [Session, Batch])[] = [];
    for (const session of [...this.#held.keys()]) {
      if (!session.stream && nowMs - (session.streamEndedAtMs ?? 0) > STREAMLESS_MS_MAX) {
        this.forget(session);
        continue;
      }
      for (const batch of this.#batchesOf(session)) {
        if (batch.leaseUntilMs - nowMs > AHEAD_MS) continue;
        if (nowMs - batch.sinceMs > HELD_MS_MAX) for (const handle of [...batch.handles]) this.release(session, handle);
        else due.push([session, batch]);
      }
    }
    return due.sort(([, a], [, b]) => a.leaseUntilMs - b.leaseUntilMs);
  }

  async #renew(session: Session, batch: Batch): Promise<void> {
    const asked = batch.handles.size;
    const results = await this.#settle(batch.group, batch.handles, (receiptHandle) => ({
      action: "extend",
      receiptHandle,
      leaseMs: RENEWED_LEASE_MS,
    }));
    let untilMs: number | undefined;
    let complete = results.length === asked;
    for (const result of results) {
      if (result.status === "extended") untilMs = Math.min(untilMs ?? result.leaseUntilMs, result.leaseUntilMs);
      else if (result.status === "error" && result.error.retryable) complete = false;
      // Lost leases are lost.
      else this.release(session, result.receiptHandle);
    }
    // What the store could not do is tried again by the next sweep.
    if (complete && untilMs !== undefined) batch.leaseUntilMs = untilMs;
  }

  async #settle(group: string, handles: ReadonlySet<string>, entryOf: (receiptHandle: string) => SettleEntry) {
    const entries = [...handles].map(entryOf);
    const results: SettleResult[] = [];
    for (let from = 0; from < entries.length; from += SETTLE_ENTRIES_MAX) {
      try {
        results.push(...(await this.#broker.settleMessages(group, entries.slice(from, from + SETTLE_ENTRIES_MAX))));
      } catch (error) {
        this.#onFailure(error);
      }
    }
    return results;
  }

  #batchesOf(session: Session): ReadonlySet<Batch> {
    return new Set(this.#held.get(session)?.values());
  }
}
