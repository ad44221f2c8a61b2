import type { QueueReset } from "../../../core/admin/reset-offsets.ts";

/** One reset of one queue, as its requester saw it: when it may have taken effect, and the new offset. */
interface Reset {
  readonly fromMs: number;
  readonly toMs: number;
  /** `undefined`: not known. */
  readonly after: number | undefined;
}

/** Offset resets, under way and done. After a reset, messages come again or never, and earlier handles are void. */
export class Resets {
  readonly #resets = new Map<number, Map<symbol, Reset>>();
  readonly #asked = new Map<number, number>();

  /** A reset is requested. Its answer must be told; without one, the reset may take effect at any time. */
  started(queueIds: readonly number[], fromMs: number): { answered(queues: readonly QueueReset[], nowMs: number): void } {
    const reset = Symbol();
    for (const queueId of queueIds) {
      this.#asked.set(queueId, this.asked(queueId) + 1);
      this.#of(queueId).set(reset, { fromMs, toMs: Number.POSITIVE_INFINITY, after: undefined });
    }
    return {
      answered: (queues, toMs) => {
        for (const { queueId, after } of queues) this.#of(queueId).set(reset, { fromMs, toMs, after });
      },
    };
  }

  /** The last reset took effect, and nothing else is under way: everything before is over. */
  ended(queueId: number, after: number, nowMs: number): void {
    this.#asked.set(queueId, this.asked(queueId) + 1);
    this.#resets.set(queueId, new Map([[Symbol(), { fromMs: nowMs, toMs: nowMs, after }]]));
  }

  asked(queueId: number): number {
    return this.#asked.get(queueId) ?? 0;
  }

  /** Whether a reset may have taken effect at `ms` or later. */
  mayFollow(queueId: number, ms: number): boolean {
    return [...this.#of(queueId).values()].some(({ toMs }) => toMs >= ms);
  }

  /** Whether a reset certainly took effect in between. */
  cameBetween(queueId: number, fromMs: number, toMs: number): boolean {
    return [...this.#of(queueId).values()].some((reset) => reset.fromMs >= fromMs && reset.toMs <= toMs);
  }

  /** Whether a reset may have skipped the message for good. */
  maySkip({ queueId, offset }: { readonly queueId: number; readonly offset: number }): boolean {
    return [...this.#of(queueId).values()].some(({ after }) => after === undefined || after > offset);
  }

  #of(queueId: number): Map<symbol, Reset> {
    const known = this.#resets.get(queueId);
    if (known) return known;
    const made = new Map<symbol, Reset>();
    this.#resets.set(queueId, made);
    return made;
  }
}
