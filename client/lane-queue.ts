/** A queue of work in which pieces of one lane come one after the other, and lanes side by side. */
export class LaneQueue<T> {
  readonly #laneOf: (work: T) => string | undefined;
  /** In the order of arrival: what may begin. Of each lane, its first piece at most. */
  readonly #ready = new Set<T>();
  /** By lane: what waits behind the piece that is ready or has begun. An empty one has nothing behind that. */
  readonly #behind = new Map<string, T[]>();

  constructor(laneOf: (work: T) => string | undefined) {
    this.#laneOf = laneOf;
  }

  add(work: T): void {
    const lane = this.#laneOf(work);
    const behind = lane === undefined ? undefined : this.#behind.get(lane);
    if (behind) behind.push(work);
    else {
      if (lane !== undefined) this.#behind.set(lane, []);
      this.#ready.add(work);
    }
  }

  get readySize(): number {
    return this.#ready.size;
  }

  /** Takes what begins. Say `done` when it has ended. */
  next(): T | undefined {
    for (const work of this.#ready) {
      this.#ready.delete(work);
      return work;
    }
    return undefined;
  }

  done(work: T): void {
    const lane = this.#laneOf(work);
    if (lane === undefined) return;
    const following = this.#behind.get(lane)?.shift();
    if (following === undefined) this.#behind.delete(lane);
    else this.#ready.add(following);
  }

  /** Takes out what waits behind the piece of a lane that has begun. */
  clearBehind(lane: string): readonly T[] {
    return this.#behind.get(lane)?.splice(0) ?? [];
  }

  /** Takes out what has not begun, but for what waits behind a piece that has. */
  clearReady(): readonly T[] {
    const cleared: T[] = [];
    for (const work of this.#ready) {
      cleared.push(work);
      const lane = this.#laneOf(work);
      if (lane === undefined) continue;
      cleared.push(...this.clearBehind(lane));
      this.#behind.delete(lane);
    }
    this.#ready.clear();
    return cleared;
  }
}
