/** Each bucket reaches so much further than the one before: what is read off is wrong by that at most. */
const STEP = Math.log(1.01);
const LEAST_MS = 0.001;

/** Counts how long calls took, in as little memory however many there are. */
export class Latencies {
  readonly #buckets = new Map<number, number>();
  #count = 0;
  #maxMs = 0;

  add(ms: number): void {
    const bucket = Math.ceil(Math.log(Math.max(ms, LEAST_MS)) / STEP);
    this.#buckets.set(bucket, (this.#buckets.get(bucket) ?? 0) + 1);
    this.#count++;
    this.#maxMs = Math.max(this.#maxMs, ms);
  }

  get maxMs(): number | null {
    return this.#count === 0 ? null : this.#maxMs;
  }

  /** The time that so much of them, 0 to 1, took at most; `null` where there are none. */
  quantileMs(share: number): number | null {
    let left = Math.max(Math.ceil(share * this.#count), 1);
    for (const [bucket, count] of [...this.#buckets].sort(([a], [b]) => a - b)) {
      left -= count;
      if (left <= 0) return Math.min(Math.exp(bucket * STEP), this.#maxMs);
    }
    return null;
  }
}
