import type { Resolution, Transaction, TransactionCheck } from "../../../../core/transaction/transaction.ts";
import { CHECK_INTERVAL_MS } from "../../../../core/transaction/transaction-limits.ts";
import type { Delivery } from "../delivery.ts";
import type { Allowance } from "./allowance.ts";

interface Asked {
  readonly checkNumber: number;
  readonly atMs: number;
}

interface Half {
  readonly text: string;
  readonly checkAfterMs: number;
  /** Whether its group does nothing to delay its checks. */
  readonly quiet: boolean;
  /** When its send was answered. Absent: never. */
  storedMs: number | undefined;
  readonly asks: Asked[];
  /** Its endpoint's first decisive answer. */
  verdict: { readonly resolution: Resolution; readonly atMs: number } | undefined;
}

/** Told what the endpoints of producer groups saw, and finds violations. All times are true ones. */
export class AskAuditor {
  readonly violations: string[] = [];
  readonly #nowMs: () => number;
  readonly #halves = new Map<string, Half>();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  get sent(): number {
    return this.#halves.size;
  }

  sends(text: string, checkAfterMs: number, quiet: boolean): { stored(): void } {
    const half: Half = { text, checkAfterMs, quiet, storedMs: undefined, asks: [], verdict: undefined };
    this.#halves.set(text, half);
    return {
      stored: () => {
        half.storedMs = this.#nowMs();
      },
    };
  }

  isAsked(text: string, { checkNumber }: TransactionCheck): void {
    this.#halves.get(text)?.asks.push({ checkNumber, atMs: this.#nowMs() });
  }

  /** The producers' verdict at this check: some know at the first, some at the second. */
  verdictOf(text: string, checkNumber: number): Resolution | "unknown" {
    const sum = [...text].reduce((total, letter) => total + letter.charCodeAt(0), 0);
    if (checkNumber <= sum % 2) return "unknown";
    return sum % 3 === 0 ? "rollback" : "commit";
  }

  isAnswered(text: string, resolution: Resolution | "unknown"): void {
    const half = this.#halves.get(text);
    if (half && resolution !== "unknown") half.verdict ??= { resolution, atMs: this.#nowMs() };
  }

  finish(deliveries: readonly Delivery[], transactions: readonly Transaction[], allowance: Allowance): void {
    const delivered = new Map(deliveries.map((delivery) => [delivery.body, delivery]));
    const byText = new Map(transactions.map((transaction) => [transaction.messageId, transaction]));
    for (const half of this.#halves.values()) {
      const transaction = byText.get(half.text);
      if (!transaction) {
        if (half.storedMs !== undefined) this.violations.push(`I1 ${half.text} was acknowledged as a transaction, and is gone`);
        continue;
      }
      if (transaction.state === "DISCARDED" && half.asks.length === 0) this.#bad(half, "is discarded, and nobody was asked");
      if (half.quiet && half.storedMs !== undefined) this.#checkQuiet(half, transaction, delivered.get(half.text), allowance);
    }
  }

  #checkQuiet(half: Half, { state }: Transaction, delivery: Delivery | undefined, allowance: Allowance): void {
    this.#checkAsks(half, half.storedMs ?? 0, allowance);
    const { verdict } = half;
    const wanted = verdict && { commit: "COMMITTED", rollback: "ROLLED_BACK" }[verdict.resolution];
    if (wanted !== undefined && state !== wanted && !allowance.isUnbounded)
      this.#bad(half, `is ${state}, and its endpoint said ${verdict?.resolution}`);
    if (!verdict || !delivery) return;
    // A scanner may have died with the answer. Then the answer is given again at the next check.
    const againMs = allowance.missedMax(verdict.atMs, delivery.storedAtMs) * CHECK_INTERVAL_MS;
    if (delivery.storedAtMs > allowance.latestMs(verdict.atMs + againMs))
      this.#bad(half, `is committed ${delivery.storedAtMs - verdict.atMs} ms after its endpoint said so`);
  }

  /** Checks that each check comes when it is due, and none is left out, until the endpoint has decided. */
  #checkAsks(half: Half, storedMs: number, allowance: Allowance): void {
    let dueMs = storedMs + half.checkAfterMs;
    let number = 0;
    const decidedMs = half.verdict?.atMs ?? Number.POSITIVE_INFINITY;
    for (const { checkNumber, atMs } of half.asks) {
      if (atMs > decidedMs) return;
      const missed = checkNumber - number - 1;
      const excused = allowance.missedMax(dueMs, atMs);
      if (missed > excused) this.#bad(half, `has its check ${number + 1} not posted, but ${checkNumber}`);
      let latestMs = allowance.latestMs(dueMs);
      // A check that was lost with its scanner may also have been late, and the next one counts from there.
      for (let lost = Math.min(missed, excused); lost > 0; lost--) {
        dueMs += CHECK_INTERVAL_MS;
        latestMs = allowance.latestMs(latestMs + CHECK_INTERVAL_MS);
      }
      if (atMs > latestMs) this.#bad(half, `has its check ${checkNumber} posted ${atMs - dueMs} ms late`);
      number = checkNumber;
      dueMs = atMs + CHECK_INTERVAL_MS;
    }
    if (
      half.verdict === undefined &&
      allowance.missedMax(dueMs, this.#nowMs()) === 0 &&
      allowance.latestMs(dueMs) < this.#nowMs()
    )
      this.#bad(half, `has its check ${number + 1} never posted`);
  }

  #bad({ text }: Half, what: string): void {
    this.violations.push(`L ${text} ${what}`);
  }
}
