import type { RunningBroker } from "../../core/create-broker.ts";
import { RECEIVE_BYTES_MAX } from "../../core/limits.ts";
import type { Clock } from "../../core/ports/clock.ts";
import type { TransactionCheck } from "../../core/transaction/transaction.ts";
import { checkedMessage } from "./message-proto.ts";
import type { Session } from "./sessions.ts";

const CHECKS_AT_ONCE = 32;
const WAIT_MS = 20_000;
const PAUSE_AFTER_FAILURE_MS = 1_000;

interface Asking {
  readonly producers: Set<Session>;
  readonly stop: AbortController;
  readonly ended: Promise<void>;
}

/**
 * Asks live producers about transactions whose outcome nobody has said: for each topic that one of them sends transactions to, checks
 * are received as over HTTP, and each is written to one producer in turn. As in RocketMQ's proxy, the producer group is the topic's name.
 */
export class TransactionChecks {
  readonly #broker: RunningBroker;
  readonly #clock: Clock;
  readonly #onFailure: (error: unknown) => void;
  readonly #asking = new Map<string, Asking>();

  constructor(broker: RunningBroker, clock: Clock, onFailure: (error: unknown) => void) {
    this.#broker = broker;
    this.#clock = clock;
    this.#onFailure = onFailure;
  }

  /** The client sends transactions to the topic, and can be asked. */
  add(session: Session, topic: string): void {
    // It may have gone while its topics were looked up. A check that it took would be lost to others.
    if (!session.stream) return;
    const known = this.#asking.get(topic);
    if (known) {
      known.producers.add(session);
      return;
    }
    const stop = new AbortController();
    const producers = new Set([session]);
    this.#asking.set(topic, { producers, stop, ended: this.#ask(topic, producers, stop.signal) });
  }

  /** The client cannot be asked any more. */
  remove(session: Session): void {
    for (const [topic, { producers, stop }] of this.#asking) {
      if (!producers.delete(session) || producers.size > 0) continue;
      stop.abort();
      this.#asking.delete(topic);
    }
  }

  async stop(): Promise<void> {
    const all = [...this.#asking.values()];
    this.#asking.clear();
    for (const { stop } of all) stop.abort();
    await Promise.all(all.map(({ ended }) => ended));
  }

  async #ask(topic: string, producers: Set<Session>, signal: AbortSignal): Promise<void> {
    const request = { max: CHECKS_AT_ONCE, maxBytes: RECEIVE_BYTES_MAX, waitMs: WAIT_MS };
    while (!signal.aborted) {
      try {
        const checks = await this.#broker.receiveChecks(topic, request, signal);
        for (const check of checks) ask(producers, check);
      } catch (error) {
        this.#onFailure(error);
        await this.#clock.sleep(PAUSE_AFTER_FAILURE_MS, signal);
      }
    }
  }
}

/** Asks the producer whose turn it is. A check that none hears is followed by the transaction's next one. */
function ask(producers: Set<Session>, check: TransactionCheck): void {
  for (const session of [...producers]) {
    if (!session.stream) continue;
    producers.delete(session);
    producers.add(session);
    const { transactionId } = check;
    const command = { message: checkedMessage(check), transactionId };
    session.stream.write({ command: { $case: "recoverOrphanedTransactionCommand", value: command } });
    return;
  }
}
