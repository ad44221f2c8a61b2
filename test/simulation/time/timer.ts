import { SKEW_MS } from "./frozen-clock.ts";

/** The outcome of a request about a delayed message, as its sender was told. */
export type Outcome =
  /** No answer, or an inconclusive one: it may have taken effect, or may still. */
  | "unknown"
  | "done"
  /** Nothing was changed. */
  | "refused"
  /** The message was delivered: before, or after an attempt whose reply was lost had moved it. */
  | "delivered"
  /** Nothing was changed, because the message was cancelled before. */
  | "cancelled";

/** One request about a delayed message. */
export interface Step {
  readonly kind: "send" | "move" | "cancel";
  /** The earliest due time of the message after it. */
  dueMs: number;
  readonly startedMs: number;
  /** Infinite if it may take effect at any time. */
  endedMs: number;
  outcome: Outcome;
}

/** A message and all requests about it. All times are true ones, not any clock's. */
export interface Timer {
  readonly text: string;
  readonly topic: string;
  readonly messageGroup: string | undefined;
  /** Its send, and its place among the entries. */
  readonly call: string;
  readonly index: number;
  readonly steps: Step[];
}

export const stepsOf = ({ steps }: Timer, kind: Step["kind"], outcome: Outcome): readonly Step[] =>
  steps.filter((step) => step.kind === kind && step.outcome === outcome);

export const wasSent = (timer: Timer): boolean =>
  timer.steps.some(
    ({ kind, outcome }) => outcome === "done" || (kind !== "send" && outcome !== "unknown" && outcome !== "refused"),
  );

export const mayBeCancelled = ({ steps }: Timer): boolean =>
  steps.some(({ kind, outcome }) => kind === "cancel" && (outcome === "done" || outcome === "unknown"));

/** Steps that may have been the last to set the due time: those that no other step certainly followed. */
export function lastMoves({ steps }: Timer): readonly Step[] {
  const moves = steps.filter(({ kind, outcome }) => kind !== "cancel" && outcome !== "refused" && outcome !== "cancelled");
  const lastStartMs = Math.max(...moves.filter(({ outcome }) => outcome === "done").map(({ startedMs }) => startedMs));
  return moves.filter(({ endedMs }) => endedMs >= lastStartMs);
}

/** The one step that set its due time, if that is certain. */
export function decidingMove(timer: Timer): Step | undefined {
  const [move, ...others] = lastMoves(timer);
  return others.length === 0 && move?.outcome === "done" ? move : undefined;
}

/** Whether a scanner that looked for timers due at `dueMs` must have found what this step wrote. */
export const wasThereBefore = (step: Step, dueMs: number): boolean => step.endedMs <= dueMs - SKEW_MS;
