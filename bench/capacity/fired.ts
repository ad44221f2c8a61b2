import { dueOfTimer, idOfTimer } from "../../core/keys.ts";
import type { TransactWrite } from "../../core/ports/item-store.ts";

/** Hears of timers that went, and how late. */
export class Fired {
  count = 0;
  lastMs = 0;
  latestMs = 0;
  readonly #nowMs: () => number;
  /** How many had gone by each second. */
  readonly #bySecond: number[] = [];
  #firstMs: number | undefined;
  readonly #watched = new Map<string, number>();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  hear(writes: readonly TransactWrite[]): void {
    const nowMs = this.#nowMs();
    for (const one of writes) {
      if (one.kind !== "delete" || !one.key.pk.startsWith("t#")) continue;
      const lateMs = nowMs - dueOfTimer(one.key.sk);
      const id = idOfTimer(one.key.sk);
      if (this.#watched.has(id)) this.#watched.set(id, lateMs);
      this.count++;
      this.latestMs = Math.max(this.latestMs, lateMs);
      this.lastMs = nowMs;
    }
    this.#firstMs ??= nowMs;
    this.#bySecond[Math.floor((nowMs - this.#firstMs) / 1_000)] = this.count;
  }

  /** From now on `lateMs` knows of this one. */
  watch(id: string): void {
    this.#watched.set(id, Number.NaN);
  }

  /** NaN: it has not gone yet. */
  lateMs(id: string): number {
    return this.#watched.get(id) ?? Number.NaN;
  }

  /** The average from one second of the burst to another. */
  perSecond(from: number, to: number): number {
    const by = (second: number): number => {
      for (let at = second; at >= 0; at--) if (this.#bySecond[at] !== undefined) return this.#bySecond[at] ?? 0;
      return 0;
    };
    return (by(to) - by(from)) / (to - from);
  }
}
