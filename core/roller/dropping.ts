import type { DroppedBlocks } from "../log/drop-expired.ts";
import type { Clock } from "../ports/clock.ts";
import { StoreCorrupt } from "../ports/store-failures.ts";
import { dropRolled } from "./drop-rolled.ts";
import { DROP_GRACE_MS, DROP_GRACE_STEP_MS } from "./roll-limits.ts";
import type { RollDependencies, RolledQueue } from "./roller.ts";

/**
 * Drops blocks whose copies were committed a minute ago, one queue at a time. The minute is slept: a machine that was suspended has not
 * waited, whatever its clock says, and nor has a process that was stopped. After a failure of the store, all queues wait for the next pass,
 * which names them again.
 */
export class Dropping {
  readonly #store: RollDependencies & { readonly onFailure: (error: unknown) => void };
  readonly #signal: AbortSignal;
  readonly #dropped: (blocks: DroppedBlocks) => Promise<void>;
  readonly #ripe = new Map<string, RolledQueue>();
  /** How far each queue was dropped. */
  readonly #droppedTo = new Map<string, number>();
  #running: Promise<void> = Promise.resolve();

  constructor(
    store: RollDependencies & { readonly onFailure: (error: unknown) => void },
    signal: AbortSignal,
    dropped: (blocks: DroppedBlocks) => Promise<void>,
  ) {
    this.#store = store;
    this.#signal = signal;
    this.#dropped = dropped;
  }

  /** Queues whose copies are committed by now. */
  afterGrace(rolled: ReadonlyMap<string, RolledQueue>): void {
    void sleepGrace(this.#store.clock, this.#signal).then(() => {
      for (const [pk, queue] of rolled) if (queue.end > (this.#droppedTo.get(pk) ?? 0)) this.#ripe.set(pk, queue);
      this.#running = this.#running.then(() => this.#drop());
    });
  }

  /** Waits for what was begun, once the signal has aborted. */
  async end(): Promise<void> {
    await this.#running;
  }

  async #drop(): Promise<void> {
    for (const [pk, rolled] of this.#ripe) {
      if (this.#signal.aborted) return;
      this.#ripe.delete(pk);
      try {
        const blocks = await dropRolled(this.#store, rolled, this.#signal);
        this.#droppedTo.set(pk, rolled.end);
        await this.#dropped(blocks);
      } catch (error) {
        this.#store.onFailure(error);
        if (!StoreCorrupt.is(error)) return this.#ripe.clear();
      }
    }
  }
}

async function sleepGrace(clock: Pick<Clock, "sleep">, signal: AbortSignal): Promise<void> {
  for (let left = DROP_GRACE_MS; left > 0; left -= DROP_GRACE_STEP_MS) await clock.sleep(DROP_GRACE_STEP_MS, signal);
}
