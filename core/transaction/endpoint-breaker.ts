import { FAILURE_CHARS_MAX, FAILURES_TO_OPEN, OPEN_MS } from "./post-limits.ts";
import type { EndpointState } from "./transaction.ts";

/** The remembered failures of an endpoint. */
export interface EndpointTrouble {
  /** Calls in a row that it left unanswered. */
  readonly failures: number;
  /** How often in a row the breaker opened. */
  readonly openings: number;
  readonly openUntilMs: number;
  readonly lastFailure: string;
  readonly lastFailureAtMs: number;
}

const HEALTHY: EndpointState = {
  state: "CLOSED",
  failures: 0,
  openUntilMs: undefined,
  lastFailure: undefined,
  lastFailureAtMs: undefined,
};

/** The state as it is shown. Once the open time is over, the next call is the trial. */
export function stateOf(trouble: EndpointTrouble | undefined, nowMs: number): EndpointState {
  if (!trouble) return HEALTHY;
  const { failures, openUntilMs, lastFailure, lastFailureAtMs } = trouble;
  // A clock that was set back must not keep the breaker open.
  const open = openUntilMs > nowMs && openUntilMs <= nowMs + OPEN_MS.most;
  return { state: open ? "OPEN" : "HALF_OPEN", failures, openUntilMs, lastFailure, lastFailureAtMs };
}

/**
 * Keeps calls from an endpoint that does not answer. It is always in one of these states:
 * - CLOSED: calls are made. After FAILURES_TO_OPEN calls in a row without an answer it opens. Any answer, whatever it says, restarts
 *   the count.
 * - OPEN: no calls are made, for OPEN_MS.
 * - HALF_OPEN: that time is over, and one call is made. An answer closes it. Without an answer it opens again, for twice as long.
 * Calls that were under way when it opened only count if they are answered.
 */
export class EndpointBreaker {
  #trouble: EndpointTrouble | undefined;
  /** While CLOSED. */
  #failures = 0;
  #probing = false;

  constructor(trouble: EndpointTrouble | undefined) {
    this.#trouble = trouble;
  }

  /** `undefined`: it is CLOSED. */
  get trouble(): EndpointTrouble | undefined {
    return this.#trouble;
  }

  isOpen(nowMs: number): boolean {
    return stateOf(this.#trouble, nowMs).state === "OPEN";
  }

  /** Whether a call may start. */
  admits(nowMs: number): boolean {
    return !this.isOpen(nowMs) && !this.#probing;
  }

  /** A call starts. Answers whether it is the trial call of HALF_OPEN, whose end must be reported here. */
  starts(): boolean {
    this.#probing = this.#trouble !== undefined;
    return this.#probing;
  }

  /** The trial call was not made after all. */
  calledOff(): void {
    this.#probing = false;
  }

  /** Answers whether that closed it. */
  answered(): boolean {
    this.#failures = 0;
    this.#probing = false;
    const closed = this.#trouble !== undefined;
    this.#trouble = undefined;
    return closed;
  }

  /** Answers whether that opened it, for the first time or again. */
  unanswered(nowMs: number, why: string, probe: boolean): boolean {
    if (this.#trouble && !probe) return false;
    const failures = (this.#trouble?.failures ?? this.#failures) + 1;
    this.#failures = failures;
    if (probe) this.#probing = false;
    else if (failures < FAILURES_TO_OPEN) return false;
    const openings = (this.#trouble?.openings ?? 0) + 1;
    this.#trouble = {
      failures,
      openings,
      openUntilMs: nowMs + Math.min(OPEN_MS.most, OPEN_MS.first * 2 ** (openings - 1)),
      lastFailure: why.slice(0, FAILURE_CHARS_MAX),
      lastFailureAtMs: nowMs,
    };
    return true;
  }
}
