import { LRUCache } from "lru-cache";
import { ROTATIONS_MAX } from "../limits.ts";
import type { Random } from "../ports/random.ts";
import { growingTo } from "../store/growing-to.ts";

/**
 * Each receive starts one queue after the last receive of the same group for the same topics. So no queue is favoured, and receives
 * that run at once start at different queues. The first start is random, because other processes rotate too.
 */
export class Rotation {
  readonly #random: Random;
  readonly #turns = new LRUCache<string, number>(growingTo(ROTATIONS_MAX));

  constructor(random: Random) {
    this.#random = random;
  }

  /** `topics`: the topics that the request names. Absent: all. */
  next(groupUid: string, topics: readonly string[] = []): number {
    const key = [groupUid, ...topics].join(" ");
    const turn = this.#turns.get(key) ?? Math.floor(this.#random.fraction() * 2 ** 32);
    this.#turns.set(key, turn + 1);
    return turn;
  }
}
