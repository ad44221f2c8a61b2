import type { ReadTimer } from "./route.ts";

/** More timers than are fired while a page is on its way. */
const LATELY_MAX = 8_000;

/** The timers in memory, and those that were done last: a page that was queried earlier still shows them. */
export class TakenTimers {
  readonly #taken = new Set<string>();
  /** Timers done last, each with its number among all done ones. */
  readonly #lately = new Map<string, number>();
  #done = 0;

  /** How many are in memory. */
  get size(): number {
    return this.#taken.size;
  }

  /** A moment before a page of timers is queried, for `has`. */
  mark(): number {
    return this.#done;
  }

  /** Whether the timer is in memory, or was done after its page was queried (`mark`). */
  has(read: ReadTimer, mark: number): boolean {
    const name = nameOf(read);
    return this.#taken.has(name) || (this.#lately.get(name) ?? -1) >= mark;
  }

  add(read: ReadTimer): void {
    this.#taken.add(nameOf(read));
  }

  /** The timer is in the table only again. */
  forget(read: ReadTimer): void {
    this.#taken.delete(nameOf(read));
  }

  done(read: ReadTimer): void {
    const name = nameOf(read);
    this.#taken.delete(name);
    this.#lately.delete(name);
    this.#lately.set(name, this.#done++);
    if (this.#lately.size <= LATELY_MAX) return;
    const [oldest] = this.#lately.keys();
    if (oldest !== undefined) this.#lately.delete(oldest);
  }
}

/** A message that returns takes the place of its tombstone, which may still be in memory. */
const nameOf = ({ sk, timer }: ReadTimer): string => `${timer.kind} ${sk}`;
