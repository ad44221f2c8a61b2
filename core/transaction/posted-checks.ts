import { BrokerError } from "../errors.ts";
import type { Events } from "../ports/events.ts";
import type { ProducerGroup } from "../terms.ts";
import type { AskProducer } from "./ask-producer.ts";
import { type EndingTransactions, endTransaction } from "./end-transaction.ts";
import { type HalfMessage, halfMessageKey, undecidedAfter } from "./half-message.ts";
import { transactionCheck } from "./transaction-check.ts";
import { POSTED_CHECKS_AT_ONCE, POSTED_CHECKS_WAITING_MAX } from "./transaction-limits.ts";

interface PostedCheck {
  readonly half: HalfMessage;
  readonly checkNumber: number;
  readonly endpoint: { readonly url: string; readonly secret: Uint8Array };
}

/**
 * Checks on their way to the endpoints of producer groups, a few at a time, while timers go on: an endpoint that is slow holds up
 * nobody but others that are asked. Best effort: a check that is not posted, or not answered, is followed by the next.
 */
export class PostedChecks {
  readonly #transactions: EndingTransactions;
  readonly #ask: AskProducer | undefined;
  readonly #events: Events;
  readonly #onFailure: (error: unknown) => void;
  readonly #waiting: PostedCheck[] = [];
  readonly #running = new Set<Promise<void>>();

  /** Without `ask` nothing is posted. */
  constructor(
    transactions: EndingTransactions,
    ask: AskProducer | undefined,
    hearers: { readonly events: Events; readonly onFailure: (error: unknown) => void },
  ) {
    this.#transactions = transactions;
    this.#ask = ask;
    this.#events = hearers.events;
    this.#onFailure = hearers.onFailure;
  }

  /** Where the group has an endpoint. */
  add(half: HalfMessage, checkNumber: number, { url, secret }: ProducerGroup): void {
    if (!this.#ask || url === undefined || !secret || this.#waiting.length >= POSTED_CHECKS_WAITING_MAX) return;
    this.#waiting.push({ half, checkNumber, endpoint: { url, secret } });
    this.#start(this.#ask);
  }

  /** Resolves when all is answered; what has not been posted by `untilMs` never is. */
  async finish(untilMs: number): Promise<void> {
    while (this.#running.size > 0) {
      if (this.#transactions.clock.nowMs() >= untilMs) this.#waiting.length = 0;
      await Promise.race(this.#running);
    }
  }

  #start(ask: AskProducer): void {
    while (this.#running.size < POSTED_CHECKS_AT_ONCE) {
      const next = this.#waiting.shift();
      if (!next) return;
      const running = this.#post(ask, next)
        .catch(this.#onFailure)
        .finally(() => {
          this.#running.delete(running);
          this.#start(ask);
        });
      this.#running.add(running);
    }
  }

  async #post(ask: AskProducer, { half, checkNumber, endpoint }: PostedCheck): Promise<void> {
    const answer = await ask(await transactionCheck(this.#transactions.log, half, checkNumber), endpoint);
    if ("failure" in answer) return this.#note(half, checkNumber, answer.failure);
    if (answer.resolution === "unknown") return;
    try {
      await endTransaction(this.#transactions, half.id, answer.resolution);
    } catch (error) {
      if (!BrokerError.is(error)) throw error;
      await this.#note(half, checkNumber, error.message);
    }
  }

  /** For whoever looks at why a transaction is not decided; nothing for one that is. */
  async #note({ id, producerGroup }: HalfMessage, checkNumber: number, failure: string): Promise<void> {
    this.#events.happened({ kind: "webhookFailed", producerGroup, transactionId: id, checkNumber, reason: failure });
    const changes = [{ op: "set", name: "w", value: failure }] as const;
    await this.#transactions.items.update(halfMessageKey(id), changes, { when: undecidedAfter(checkNumber) });
  }
}
