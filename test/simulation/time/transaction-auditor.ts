import type { Resolution, Transaction, TransactionCheck, TransactionState } from "../../../core/transaction/transaction.ts";
import { CHECK_INTERVAL_MS, UNASKED_LIFE_MS } from "../../../core/transaction/transaction-limits.ts";
import type { Delivery } from "./delivery.ts";
import { SKEW_MS } from "./frozen-clock.ts";

/** A producer group, and how it is asked. */
export interface Asked {
  readonly producerGroup: string;
  readonly checkAfterMs: number;
  readonly maxChecks: number;
  /** Whether its checks are posted. */
  readonly endpoint: boolean;
}

/** A verdict, with the answer to it. */
interface Verdict {
  readonly resolution: Resolution;
  endedMs: number;
  /** The state in the answer, if it was answered. */
  state: TransactionState | undefined;
  place: string | undefined;
  refused: boolean;
}

interface Half {
  readonly text: string;
  readonly asked: Asked;
  readonly ids: Set<string>;
  readonly verdicts: Verdict[];
  readonly checks: Set<string>;
  posted: boolean;
  sends: number;
  refused: number;
}

/** Told what producers of transactions see, and finds violations of I1 and I8. All times are true ones. */
export class TransactionAuditor {
  readonly violations: string[] = [];
  readonly #nowMs: () => number;
  readonly #halves = new Map<string, Half>();
  /** Producer groups that lost the reply to a receive, which may have held checks. */
  readonly #doubtful = new Set<string>();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  get sent(): number {
    return this.#halves.size;
  }

  /** The text of a transaction's message; `undefined` if nobody was told its id. */
  textOf({ id, messageId }: Transaction): string | undefined {
    for (const { text, ids } of this.#halves.values()) if (text === messageId || ids.has(id)) return text;
    return undefined;
  }

  /** The same text again is a repeat of the same message. */
  sends(text: string, asked: Asked): { stored(id: string): void; refused(): void } {
    const half = this.#halves.get(text) ?? {
      text,
      asked,
      ids: new Set(),
      verdicts: [],
      checks: new Set(),
      posted: false,
      sends: 0,
      refused: 0,
    };
    this.#halves.set(text, half);
    half.sends++;
    return {
      stored: (id) => half.ids.add(id),
      refused: () => {
        half.refused++;
      },
    };
  }

  /** The answer is a transaction, the state for which the verdict was refused, or nothing. */
  decides(
    text: string,
    resolution: Resolution,
  ): { decided(transaction: Transaction): void; ended(state: TransactionState): void; refused(): void } {
    const verdict: Verdict = {
      resolution,
      endedMs: Number.POSITIVE_INFINITY,
      state: undefined,
      place: undefined,
      refused: false,
    };
    this.#halves.get(text)?.verdicts.push(verdict);
    const answered = (state: TransactionState | undefined): void => {
      verdict.state = state;
      verdict.endedMs = this.#nowMs();
    };
    return {
      decided: (transaction) => {
        answered(transaction.state);
        if (transaction.state === "COMMITTED") verdict.place = `${transaction.queueId}/${transaction.offset}`;
        const wanted = resolution === "commit" ? "COMMITTED" : "ROLLED_BACK";
        if (transaction.state !== wanted) this.#bad(text, `is answered to be ${transaction.state} by a ${resolution}`);
      },
      ended: answered,
      refused: () => {
        verdict.refused = true;
      },
    };
  }

  /** A producer got a check, in the answer to a request that started at `startedMs`. */
  isAsked(text: string, { transactionId, checkNumber }: TransactionCheck, startedMs: number): void {
    const half = this.#halves.get(text);
    if (!half) return;
    half.ids.add(transactionId);
    this.#checkNumber(half, checkNumber);
    const name = `${transactionId}.${checkNumber}`;
    if (half.checks.has(name)) this.#bad(text, `has its check ${checkNumber} handed out twice`);
    half.checks.add(name);
    const over = half.verdicts.some(({ state, endedMs }) => state !== undefined && state !== "DISCARDED" && endedMs < startedMs);
    if (over) this.#bad(text, "is asked about after its end was told");
  }

  /** A receive got no reply, and may still take checks. */
  mayBeAsked(producerGroup: string): void {
    this.#doubtful.add(producerGroup);
  }

  /** Its endpoint is called. */
  isPosted(text: string, { transactionId, checkNumber }: TransactionCheck): void {
    const half = this.#halves.get(text);
    if (!half) return;
    half.ids.add(transactionId);
    half.posted = true;
    this.#checkNumber(half, checkNumber);
    if (!half.asked.endpoint) this.#bad(text, "is posted to a group without an endpoint");
  }

  finish(deliveries: readonly Delivery[], transactions: readonly Transaction[]): void {
    const byId = new Map(transactions.map((transaction) => [transaction.id, transaction]));
    for (const { id, state } of transactions) if (state === "PREPARED") this.#bad(id, "is never decided nor discarded");
    for (const half of this.#halves.values()) {
      const found = deliveries.filter(({ body }) => body === half.text);
      if (found.length > 1) this.#bad(half.text, `is delivered ${found.length} times`);
      if (half.ids.size > 1) this.#bad(half.text, `is answered as ${half.ids.size} transactions`);
      const [id] = half.ids;
      const transaction = id === undefined ? transactions.find(({ messageId }) => messageId === half.text) : byId.get(id);
      if (transaction) this.#check(half, transaction, found[0]);
      else if (id !== undefined) this.violations.push(`I1 ${half.text} was acknowledged as a transaction, and is gone`);
      else if (found.length > 0) this.#bad(half.text, "is delivered without its transaction");
      if (half.sends === half.refused && transaction) this.#bad(half.text, "is stored although every send of it was refused");
    }
  }

  #check(half: Half, transaction: Transaction, delivery: Delivery | undefined): void {
    const { text, verdicts } = half;
    const { state } = transaction;
    if (delivery && state !== "COMMITTED") this.#bad(text, `is ${state}, and delivered`);
    if (!delivery && state === "COMMITTED") this.#bad(text, "is committed, and not delivered");
    const place = delivery && `${delivery.queueId}/${delivery.offset}`;
    for (const told of verdicts) {
      if (told.state !== undefined && told.state !== "DISCARDED" && told.state !== state)
        this.#bad(text, `is ${state}, and was told to be ${told.state}`);
      if (told.place !== undefined && told.place !== place)
        this.#bad(text, `is at ${place}, and was told to be at ${told.place}`);
    }
    const wanted = { COMMITTED: "commit", ROLLED_BACK: "rollback", PREPARED: undefined, DISCARDED: undefined }[state];
    if (wanted && !verdicts.some(({ resolution, refused }) => resolution === wanted && !refused))
      this.#bad(text, `is ${state}, which nobody wanted`);
    if (state === "DISCARDED") this.#checkDiscarded(half, transaction);
  }

  /** Checks the number of a check. There may be more than the maximum if nobody could be asked. */
  #checkNumber({ text, asked }: Half, checkNumber: number): void {
    if (checkNumber < 1 || (checkNumber > asked.maxChecks && !asked.endpoint)) this.#bad(text, `has a check ${checkNumber}`);
  }

  /** Checks that every check had its time, and that somebody was asked, or could not be for two days. */
  #checkDiscarded({ text, asked, posted, checks: received }: Half, transaction: Transaction): void {
    const { checks, createdAtMs, endedAtMs = 0 } = transaction;
    const enough = asked.endpoint ? checks >= asked.maxChecks : checks === asked.maxChecks;
    if (!enough) this.#bad(text, `is discarded after ${checks} checks`);
    const livedMs = endedAtMs - createdAtMs;
    const reached = posted || received.size > 0 || livedMs >= UNASKED_LIFE_MS - 2 * SKEW_MS;
    if (asked.endpoint && !reached && !this.#doubtful.has(asked.producerGroup))
      this.#bad(text, "is discarded, and nobody was asked");
    const leastMs = asked.checkAfterMs + asked.maxChecks * (CHECK_INTERVAL_MS - 2 * SKEW_MS) - 2 * SKEW_MS;
    if (livedMs < leastMs) this.#bad(text, `is discarded after ${livedMs} ms`);
  }

  #bad(what: string, how: string): void {
    this.violations.push(`I8 ${what} ${how}`);
  }
}
