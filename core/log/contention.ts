import { BLOCK_CLOSING_BYTES, TAIL_CACHE_MS } from "../limits.ts";

/** Counts the races a writer lost lately, and sizes its blocks by them. */
export class Contention {
  #lostRaces = 0;
  #lastAtMs = 0;

  lost(nowMs: number): void {
    this.#lostRaces = this.#recent(nowMs) + 1;
    this.#lastAtMs = nowMs;
  }

  /** Alone, one write per block is the cheapest and the next base is known without asking; under contention blocks grow. */
  closingBytes(nowMs: number): number {
    const lostRaces = this.#recent(nowMs);
    if (lostRaces === 0) return BLOCK_CLOSING_BYTES.alone;
    return lostRaces < 3 ? BLOCK_CLOSING_BYTES.contended : BLOCK_CLOSING_BYTES.crowded;
  }

  #recent(nowMs: number): number {
    return nowMs - this.#lastAtMs > TAIL_CACHE_MS ? 0 : this.#lostRaces;
  }
}
