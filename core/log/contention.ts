import { BLOCK_CLOSING_BYTES, CONTENDED_TAIL_CACHE_MS, CROWDED_LOST_RACES, TAIL_CACHE_MS } from "./log-limits.ts";

/** Counts the races a writer lost lately, and sizes its blocks by them. */
export class Contention {
  #lostRaces = 0;
  #lastAtMs = 0;

  lost(nowMs: number): void {
    this.#lostRaces = this.#recent(nowMs) + 1;
    this.#lastAtMs = nowMs;
  }

  /** One write per block is cheapest without contention, and the next base is known without a read. Under contention blocks grow. */
  closingBytes(nowMs: number): number {
    const lostRaces = this.#recent(nowMs);
    if (lostRaces === 0) return BLOCK_CLOSING_BYTES.alone;
    return lostRaces < CROWDED_LOST_RACES ? BLOCK_CLOSING_BYTES.contended : BLOCK_CLOSING_BYTES.crowded;
  }

  /** How long a cached tail is used for a write. Where others write too, hardly longer than an attempt takes. */
  tailCacheMs(nowMs: number): number {
    return this.#recent(nowMs) === 0 ? TAIL_CACHE_MS : CONTENDED_TAIL_CACHE_MS;
  }

  #recent(nowMs: number): number {
    return nowMs - this.#lastAtMs > TAIL_CACHE_MS ? 0 : this.#lostRaces;
  }
}
