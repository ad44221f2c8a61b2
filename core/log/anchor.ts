import { anchorKey } from "../keys.ts";
import type { Item, ItemStore, Key, TransactWrite } from "../ports/item-store.ts";
import { StoreUnavailable } from "../ports/store-failures.ts";
import { CAP_STEP } from "./log-limits.ts";

/** The offset below which everything of a queue is in segments, or has expired, by its anchor's item. */
export const watermarkOf = (item: Item | undefined): number => (item?.rn as number | undefined) ?? 0;

/**
 * A queue's anchor: [cap] the offset below which the chain may use offsets; [rn] the offset below which everything is in segments, or
 * has expired, absent: 0. The anchor outlives every block, and both only grow, so an old copy is safe. An expired chain starts again at
 * the cap.
 */
export class Anchor {
  readonly #items: ItemStore;
  readonly #key: Key;
  #known: number | undefined;

  constructor(items: ItemStore, topicUid: string, queueId: number) {
    this.#items = items;
    this.#key = anchorKey(topicUid, queueId);
  }

  /** The cap as last seen, or as stored. */
  async known(): Promise<number> {
    return this.#known ?? (await this.read());
  }

  /** The cap as stored; 0 for a queue nobody wrote to. */
  async read(): Promise<number> {
    const item = await this.#items.get(this.#key);
    this.#known = (item?.cap as number | undefined) ?? 0;
    return this.#known;
  }

  /** The offset below which everything is in segments, or has expired; `undefined` for a queue that has no anchor. */
  async rolledTo(): Promise<number | undefined> {
    const item = await this.#items.get(this.#key);
    return item?.cap === undefined ? undefined : watermarkOf(item);
  }

  /** The write that makes a roll from `seen` to `end` exclusive, as part of its transaction. A deleted topic's anchor does not come back. */
  rolledFrom(seen: number, end: number): TransactWrite {
    return {
      kind: "update",
      key: this.#key,
      changes: [{ op: "set", name: "rn", value: end }],
      when: [{ op: "exists", name: "cap" }, seen === 0 ? { op: "absent", name: "rn" } : { op: "=", name: "rn", value: seen }],
    };
  }

  /** A cap of at least `end`: if necessary the cap is raised. Errors: `StoreUnavailable` if the anchor was deleted with its topic. */
  async reaching(end: number): Promise<number> {
    for (;;) {
      const known = await this.known();
      if (end <= known) return known;
      const cap = known + Math.ceil((end - known) / CAP_STEP) * CAP_STEP;
      const raising = [{ op: "set", name: "cap", value: cap }] as const;
      const result = await this.#items.update(this.#key, raising, { when: [{ op: "<", name: "cap", value: cap }] });
      this.#known = result.ok ? cap : (result.current?.cap as number | undefined);
      if (!result.ok && !result.current) {
        throw new StoreUnavailable("not-applied", "unavailable", "the queue's anchor is gone: its topic was deleted");
      }
    }
  }

  /** The write that makes a restart at `cap` exclusive, as part of its transaction. */
  raisedFrom(cap: number): TransactWrite {
    return {
      kind: "update",
      key: this.#key,
      changes: [{ op: "set", name: "cap", value: cap + CAP_STEP }],
      when: cap === 0 ? [{ op: "absent", name: "cap" }] : [{ op: "=", name: "cap", value: cap }],
    };
  }

  /** The restart at `cap` was written, or lost. */
  restarted(cap: number, ok: boolean): void {
    this.#known = ok ? cap + CAP_STEP : undefined;
  }
}
