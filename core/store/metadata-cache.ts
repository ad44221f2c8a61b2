import { LRUCache } from "lru-cache";
import { METADATA_CACHE_MS, METADATA_ENTRIES_MAX, METADATA_READ_MS_MAX } from "../limits.ts";
import type { Clock } from "../ports/clock.ts";
import { growingTo } from "./growing-to.ts";

/**
 * Keeps read values, but not absence, for two seconds. Changes by this process are known at once; those of others, later. No value is
 * older than two seconds and a few minutes, whatever becomes of the process meanwhile.
 */
export class MetadataCache<T extends object> {
  readonly #clock: Clock;
  readonly #entries = new LRUCache<string, { readonly value: T; readonly readAtMs: number }>(growingTo(METADATA_ENTRIES_MAX));
  #changes = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async get(key: string, read: () => Promise<T | undefined>): Promise<T | undefined> {
    const entry = this.#entries.get(key);
    const nowMs = this.#clock.nowMs();
    if (entry && nowMs >= entry.readAtMs && nowMs - entry.readAtMs <= METADATA_CACHE_MS) return entry.value;
    const changes = this.#changes;
    const value = await read();
    if (this.#clock.nowMs() - nowMs > METADATA_READ_MS_MAX) return this.get(key, read);
    // A change in between may be newer than the value that was read.
    if (changes !== this.#changes) return value;
    if (value) this.#entries.set(key, { value, readAtMs: nowMs });
    return value;
  }

  forget(key: string): void {
    this.#changes++;
    this.#entries.delete(key);
  }
}
