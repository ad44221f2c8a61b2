import type { Disk } from "./disk.ts";

interface Turn {
  /** The running sync. Changes made after it began need the next one. */
  running: Promise<void>;
  next: Promise<void> | undefined;
}

/** Syncs folders. Calls that come during a sync share the one after it. */
export class SharedSync {
  readonly #disk: Disk;
  readonly #turns = new Map<string, Turn>();

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  folder(path: string): Promise<void> {
    const turn = this.#turns.get(path);
    if (!turn) return this.#start(path);
    turn.next ??= turn.running.catch(() => undefined).then(() => this.#start(path));
    return turn.next;
  }

  #start(path: string): Promise<void> {
    const running = this.#disk.syncFolder(path);
    const turn: Turn = { running, next: undefined };
    this.#turns.set(path, turn);
    const done = (): void => {
      if (this.#turns.get(path) === turn && !turn.next) this.#turns.delete(path);
    };
    running.then(done, done);
    return running;
  }
}
