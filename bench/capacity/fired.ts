import { dueOfTimer, idOfTimer } from "../../core/keys.ts";
import type { Key, TransactWrite } from "../../core/ports/item-store.ts";

/** Hears of timers that went, and how late. */
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

  /** From now on `lateMs` knows of this one. */
  watch(id: string): void {
    this.#lateMs.set(id, Number.NaN);
  }

  /** NaN: it has not gone yet. */
  lateMs(id: string): number {
    return this.#lateMs.get(id) ?? Number.NaN;
  }

  /** Forgets what went before. */
  reset(): void {
    this.count = 0;
  }
}
