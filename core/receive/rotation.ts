import { LRUCache } from "lru-cache";
import { ROTATIONS_MAX } from "../limits.ts";
import type { Random } from "../ports/random.ts";
import { growingTo } from "../store/growing-to.ts";

/**
 * Where the receives of each group start, those of the same topics: one queue further every time, so that all are served alike and those that come
 * together meet on different queues. By chance at first: other processes do the same.
 */
export class Rotation {
  readonly #random: Random;
  readonly #turns = new LRUCache<string, number>(growingTo(ROTATIONS_MAX));

  constructor(random: Random) {
    this.#random = random;
  }

  /** `topics`: those a request names; absent: all. */
  next(groupUid: string, topics: readonly string[] = []): number {
    const key = [groupUid, ...topics].join(" ");
    const turn = this.#turns.get(key) ?? Math.floor(this.#random.fraction() * 2 ** 32);
    this.#turns.set(key, turn + 1);
    return turn;
  }
}
