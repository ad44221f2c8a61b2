/** Bounds the bytes of request bodies that are held at once, over all requests of a process. */
export class RequestMemory {
  readonly #bytesMax: number;
  #bytesHeld = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytesHeld(): number {
    return this.#bytesHeld;
  }

  /** False, and nothing is taken, if less is free. */
  take(bytes: number): boolean {
    if (this.#bytesHeld + bytes > this.#bytesMax) return false;
    this.#bytesHeld += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#bytesHeld -= bytes;
  }
}
