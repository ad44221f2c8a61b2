import { ApogeeError } from "./apogee-error.ts";
import type { Clock } from "./clock.ts";
import type { ReceivedMessage } from "./received-message.ts";

/** When the lease of a message is over. */
export class LeaseLost extends Error {
  override readonly name = "LeaseLost";
}

/** A message whose lease is kept until it is settled or lost. */
export interface Lease {
  /** Aborts, with a `LeaseLost`, when another consumer may have the message. Made when it is asked for: few handlers do. */
  readonly signal: AbortSignal;
  /** Why it is lost, if it is. */
  readonly lost: LeaseLost | undefined;
  /** Makes the lease longer than it would be, once. */
  extend(leaseSeconds: number): Promise<void>;
  /** Stops keeping it. */
  release(): void;
}

class Kept implements Lease {
  readonly #keeper: LeaseKeeper;
  readonly message: ReceivedMessage;
  /** Nothing is extended beyond it. */
  readonly lastMs: number;
  untilMs = 0;
  extendAtMs = 0;
  isExtending = false;
  lost: LeaseLost | undefined;
  #ending: AbortController | undefined;

  constructor(keeper: LeaseKeeper, message: ReceivedMessage, lastMs: number) {
    this.#keeper = keeper;
    this.message = message;
    this.lastMs = lastMs;
  }

  get signal(): AbortSignal {
    this.#ending ??= new AbortController();
    if (this.lost) this.#ending.abort(this.lost);
    return this.#ending.signal;
  }

  extend(leaseSeconds: number): Promise<void> {
    return this.#keeper.extend(this, leaseSeconds);
  }

  release(): void {
    this.#keeper.release(this);
  }

  lose(why: string): void {
    this.lost = new LeaseLost(`The lease of message ${this.message.messageId} is lost: ${why}`);
    this.#ending?.abort(this.lost);
  }
}

/** So much later an extension may come: leases that arrive together then share a timer. */
const SLACK_MS = 50;

export interface LeaseOptions {
  readonly leaseSeconds: number;
  /** From the receive on. */
  readonly maxLeaseSeconds: number;
}

/**
 * Extends leases when two thirds of them are over. A lease is lost when the broker says so, or when its time ends without an extension.
 * Of messages that came under one claim, which an extension extends whole, each is extended: which they are, no answer tells.
 */
export class LeaseKeeper {
  readonly #clock: Clock;
  readonly #options: LeaseOptions;
  readonly #kept = new Set<Kept>();
  #bytes = 0;
  #waking: AbortController | undefined;
  #wakeAtMs = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, options: LeaseOptions) {
    this.#clock = clock;
    this.#options = options;
  }

  get size(): number {
    return this.#kept.size;
  }

  /** Of the bodies of what is kept. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Keeps the lease of a message that has just arrived. */
  keep(message: ReceivedMessage): Lease {
    const nowMs = this.#clock.now();
    const { leaseSeconds, maxLeaseSeconds } = this.#options;
    const kept = new Kept(this, message, nowMs + maxLeaseSeconds * 1_000);
    // The answer may be a repeat, and the lease older than its arrival.
    this.#renew(kept, nowMs, Math.min(leaseSeconds, (message.leaseUntilMs - nowMs) / 1_000));
    this.#kept.add(kept);
    this.#bytes += message.body.length;
    this.#wakeBy(kept.extendAtMs);
    return kept;
  }

  /** Loses all leases that are kept. */
  abandon(why: string): void {
    for (const kept of [...this.#kept]) this.#lose(kept, why);
  }

  #renew(kept: Kept, fromMs: number, leaseSeconds: number): void {
    const leaseMs = leaseSeconds * 1_000;
    kept.untilMs = Math.max(kept.untilMs, fromMs + leaseMs);
    kept.extendAtMs = fromMs + (leaseMs * 2) / 3;
  }

  release(kept: Kept): void {
    if (!this.#kept.delete(kept)) return;
    this.#bytes -= kept.message.body.length;
    if (this.#kept.size > 0) return;
    this.#waking?.abort();
    this.#waking = undefined;
    this.#wakeAtMs = Number.POSITIVE_INFINITY;
  }

  #lose(kept: Kept, why: string): void {
    this.release(kept);
    kept.lose(why);
  }

  async extend(kept: Kept, leaseSeconds: number): Promise<void> {
    kept.isExtending = true;
    const fromMs = this.#clock.now();
    try {
      await kept.message.extend(leaseSeconds);
      this.#renew(kept, fromMs, leaseSeconds);
    } catch (error) {
      if (ApogeeError.is(error) && !error.retryable) this.#lose(kept, error.message);
      else kept.extendAtMs = this.#clock.now() + Math.max((kept.untilMs - this.#clock.now()) / 4, 50);
      throw error;
    } finally {
      kept.isExtending = false;
      if (this.#kept.has(kept)) this.#wakeBy(kept.extendAtMs);
    }
  }

  /** One timer serves all leases. */
  #wakeBy(atMs: number): void {
    if (atMs >= this.#wakeAtMs - SLACK_MS) return;
    this.#waking?.abort();
    const waking = new AbortController();
    this.#waking = waking;
    this.#wakeAtMs = atMs;
    void this.#clock.sleep(Math.max(atMs - this.#clock.now(), 0), waking.signal).then(() => {
      if (!waking.signal.aborted) this.#look();
    });
  }

  #look(): void {
    this.#wakeAtMs = Number.POSITIVE_INFINITY;
    const nowMs = this.#clock.now();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const kept of [...this.#kept]) {
      // Settled by hand, it has no lease, and its handler may still be at work.
      if (kept.message.isSettled) continue;
      if (nowMs >= kept.untilMs) {
        this.#lose(kept, "it ended.");
        continue;
      }
      const isDue = nowMs >= kept.extendAtMs && nowMs < kept.lastMs;
      // How it went is told by the signal.
      if (isDue && !kept.isExtending) void this.extend(kept, this.#options.leaseSeconds).catch(() => undefined);
      nextMs = Math.min(nextMs, isDue || nowMs >= kept.lastMs ? kept.untilMs : kept.extendAtMs);
    }
    if (nextMs < Number.POSITIVE_INFINITY) this.#wakeBy(nextMs);
  }
}
