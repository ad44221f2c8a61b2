import { orderKeyOf } from "../scenario.ts";
import { offsetOf, placeOf, type Seen } from "./seen.ts";
import type { Violations } from "./violations.ts";

interface Sent {
  readonly body: string;
  readonly place: string;
  readonly startedMs: number;
  readonly ackedMs: number;
}

interface Early {
  readonly seen: Seen;
  readonly before: string;
}

/** I6: where order is kept, earlier messages must be settled before a later one comes, or come with it, in whatever queue they are. */
export class OrderAuditor {
  readonly #violations: Violations;
  readonly #sent = new Map<string, Sent[]>();
  readonly #startedMs = new Map<string, number>();
  /** Messages delivered while an earlier one of their order key was not settled, as far as anyone outside can know. */
  readonly #early: Early[] = [];

  constructor(violations: Violations) {
    this.#violations = violations;
  }

  sendStarted(body: string, nowMs: number): void {
    if (orderKeyOf(body) !== undefined) this.#startedMs.set(body, nowMs);
  }

  sendAcked(seen: Seen, nowMs: number): void {
    const key = orderKeyOf(seen.body);
    const startedMs = this.#startedMs.get(seen.body);
    if (key === undefined || startedMs === undefined) return;
    const line = this.#sent.get(key) ?? [];
    line.push({ body: seen.body, place: placeOf(seen), startedMs, ackedMs: nowMs });
    this.#sent.set(key, line);
  }

  /** Messages of one answer, in its order. `excused`: settled, or left behind by a reset. */
  together(answer: readonly Seen[], at: ReadonlyMap<string, string>, excused: (place: string) => boolean): void {
    const before = new Set<string>();
    for (const seen of answer) {
      const key = orderKeyOf(seen.body);
      if (key !== undefined) {
        const missing = this.#missing(seen, key, at, (place) => before.has(place) || excused(place));
        if (missing !== undefined) this.#early.push({ seen, before: missing });
      }
      before.add(placeOf(seen));
    }
  }

  /** An earlier message of the same order that is neither settled nor in front of this one in the same answer. */
  #missing(seen: Seen, key: string, at: ReadonlyMap<string, string>, passed: (place: string) => boolean): string | undefined {
    for (let offset = seen.offset - 1; offset >= 0; offset--) {
      const place = placeOf({ queueId: seen.queueId, offset });
      const body = at.get(place);
      if (body === undefined || orderKeyOf(body) !== key) continue;
      if (!passed(place)) return place;
      break;
    }
    const startedMs = this.#startedMs.get(seen.body);
    // The order of a whole queue is that of its offsets. A message group has an order across queues.
    if (startedMs === undefined || key === "q") return undefined;
    return this.#sent.get(key)?.find(({ place, ackedMs }) => ackedMs < startedMs && !passed(place))?.place;
  }

  /** `ended`: dead-lettered after its attempts, or expired, of which nobody outside is told. */
  finish(ended: (place: string) => boolean): void {
    for (const { seen, before } of this.#early) {
      if (ended(before)) continue;
      const where = offsetOf(before).queueId === seen.queueId ? "" : " (another queue)";
      this.#violations.add(
        "I6",
        `${seen.body} at ${placeOf(seen)} was delivered before ${before}${where} of its order was settled`,
      );
    }
  }
}
