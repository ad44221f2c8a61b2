import type { Key } from "../../core/ports/item-store.ts";
import type { EmbeddedItemStore } from "./embedded-item-store.ts";

const MIB = 1_024 * 1_024;
/** With so much in tables they are written anew: that costs about as much as they hold. */
const AT_ONCE_BYTES = 16 * MIB;
/** The rest follows once nothing was deleted for so long, */
const LATER_MS = 20_000;
/** if it is worth a table. */
const LATER_BYTES = 8 * MIB;
/** Ranges with no more than this between them are written anew together: each costs a table at its beginning and at its end. */
const BETWEEN_BYTES = 8 * MIB;

/** From one key to another of a partition. */
interface DeletedRange {
  readonly first: Key;
  readonly last: Key;
}

type Items = Pick<EmbeddedItemStore, "compact" | "tableBytes">;

/**
 * Gives back the room of ranges of deleted items, which LevelDB keeps in its tables until it happens to merge them. Their size is asked
 * of the tables, so it does not matter who deleted them, and when: a range may be named again, and after a restart.
 */
export class DeletedRoom {
  readonly #items: Items;
  readonly #ranges = new Map<string, DeletedRange>();
  #later: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(items: Items) {
    this.#items = items;
  }

  /** That nothing is left in a range. Errors: `StoreUnavailable`. */
  async reclaim({ first, last }: DeletedRange): Promise<void> {
    const before = this.#ranges.get(first.pk) ?? { first, last };
    this.#ranges.set(first.pk, {
      first: before.first.sk < first.sk ? before.first : first,
      last: before.last.sk > last.sk ? before.last : last,
    });
    clearTimeout(this.#later);
    this.#later = setTimeout(() => void this.#begin(LATER_BYTES).catch(() => undefined), LATER_MS);
    this.#later.unref();
    await this.#begin(AT_ONCE_BYTES);
  }

  /** Waits for what was begun. */
  async close(): Promise<void> {
    clearTimeout(this.#later);
    await this.#running.catch(() => undefined);
  }

  #begin(bytesMin: number): Promise<void> {
    this.#running = this.#running.catch(() => undefined).then(() => this.#give(bytesMin));
    return this.#running;
  }

  async #give(bytesMin: number): Promise<void> {
    const ranges = [...this.#ranges.values()].sort((one, other) => (one.first.pk < other.first.pk ? -1 : 1));
    const sizes = await Promise.all(ranges.map(({ first, last }) => this.#items.tableBytes(first, last)));
    if (sizes.reduce((sum, bytes) => sum + bytes, 0) < bytesMin) return;
    for (const { first, last } of await this.#joined(ranges.filter((_, at) => (sizes[at] ?? 0) > 0)))
      await this.#items.compact(first, last);
    for (const range of ranges) if (this.#ranges.get(range.first.pk) === range) this.#ranges.delete(range.first.pk);
  }

  async #joined(ranges: readonly DeletedRange[]): Promise<readonly DeletedRange[]> {
    const joined: DeletedRange[] = [];
    for (const range of ranges) {
      const before = joined.at(-1);
      const isNear = before && (await this.#items.tableBytes(before.last, range.first)) <= BETWEEN_BYTES;
      if (isNear) joined.splice(-1, 1, { first: before.first, last: range.last });
      else joined.push(range);
    }
    return joined;
  }
}
