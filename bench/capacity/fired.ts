import { dueOfTimer, idOfTimer } from "../../core/keys.ts";
import type { Key, TransactWrite } from "../../core/ports/item-store.ts";

/** Counts fired timers, and how late they were. */
export class Fired {
  count = 0;
  lastMs = 0;
  readonly #nowMs: () => number;
  readonly #lateMs = new Map<string, number>();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  hear(writes: readonly TransactWrite[]): void {
    for (const one of writes) if (one.kind === "delete") this.went(one.key);
  }

  went({ pk, sk }: Key): void {
    if (!pk.startsWith("t#")) return;
    const id = idOfTimer(sk);
    if (this.#lateMs.has(id)) this.#lateMs.set(id, this.#nowMs() - dueOfTimer(sk));
    this.count++;
    this.lastMs = this.#nowMs();
  }

  /** Makes `lateMs` known for this timer. */
  watch(id: string): void {
    this.#lateMs.set(id, Number.NaN);
  }

  /** NaN: it has not been fired yet. */
  lateMs(id: string): number {
    return this.#lateMs.get(id) ?? Number.NaN;
  }

  /** Forgets the timers fired so far. */
  reset(): void {
    this.count = 0;
  }
}
