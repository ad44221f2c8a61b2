import type { ReadTimer } from "./route.ts";

/** More than are fired while a page is on its way. */
const LATELY_MAX = 8_000;

/** The timers that are in memory, and those that were done with last: a page that was asked for before shows these still. */
export class TakenTimers {
  readonly #taken = new Set<string>();
  /** Each with its number among all that were done with. */
  readonly #lately = new Map<string, number>();
  #done = 0;

  /** In memory. */
  get size(): number {
    return this.#taken.size;
  }

  /** A moment, for `has`: before a page of timers is asked for. */
  mark(): number {
    return this.#done;
  }

  /** Whether it is in memory, or was done with after the moment that a page with it was asked for. */
  has(read: ReadTimer, mark: number): boolean {
    const name = nameOf(read);
    return this.#taken.has(name) || (this.#lately.get(name) ?? -1) >= mark;
  }

  add(read: ReadTimer): void {
    this.#taken.add(nameOf(read));
  }

  /** It is in the table only, again. */
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

/** A message that comes back takes the place of its tombstone, which may still be in memory. */
const nameOf = ({ sk, timer }: ReadTimer): string => `${timer.kind} ${sk}`;
