import type { StoredAt } from "../../../core/requests.ts";
import type { Written } from "./chain-memory.ts";
import type { Violations } from "./violations.ts";

/** A search by time in a queue, and its answer. */
export interface TimeAsked extends StoredAt {
  readonly queueId: number;
  readonly offset: number;
}

/**
 * Searches by time find what is stored, wherever it is: LOWER the first message stored at or after a time, UPPER the last one stored at
 * or before it.
 */
export class TimeAuditor {
  readonly #violations: Violations;
  asked = 0;

  constructor(violations: Violations) {
    this.#violations = violations;
  }

  /** While messages are stored: `before` are those that surely were there, and are kept. `after`: all there are by now. */
  answered(asked: TimeAsked, before: ReadonlyMap<number, Written>, after: ReadonlyMap<number, Written>): void {
    this.asked++;
    const { timestampMs, boundary, offset } = asked;
    const lower = boundary !== "UPPER";
    const fits = ({ storedAtMs }: Written): boolean => (lower ? storedAtMs >= timestampMs : storedAtMs <= timestampMs);
    const fitting = [...before].filter(([, written]) => fits(written)).map(([at]) => at);
    const missed = fitting.filter((at) => (lower ? at < offset : at > offset));
    if (missed.length > 0) this.#bad(asked, `where ${missed[0]} fits`);
    const found = after.get(offset);
    if (found && fitting.length > 0 && !fits(found)) this.#bad(asked, `which was stored at ${found.storedAtMs}`);
  }

  #bad({ queueId, timestampMs, boundary, offset }: TimeAsked, why: string): void {
    this.#violations.add("T", `${boundary} of ${timestampMs} in queue ${queueId} is ${offset}, ${why}`);
  }
}
