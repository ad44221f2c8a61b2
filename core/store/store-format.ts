import { FORMAT_KEY } from "../keys.ts";
import type { Item, ItemStore } from "../ports/item-store.ts";
import { StoreCorrupt } from "../ports/store-failures.ts";
import { writeTopicHashes } from "../topic/topics-by-hash.ts";

/**
 * The format of a store is the newest that its writers may write. A reader knows every format since the oldest.
 *
 * A new version starts on a store of the previous format and keeps writing that, because older handlers that know no other may still
 * run. `raise` is a separate step, once none is left.
 *
 *   2  claims know an attempt by 32 bits of its id; a pointer frame does not say what its messages weigh
 *   3  a claim's delivery is unique, and says which attempt it was taken by; a pointer frame says what its messages weigh;
 *      message groups that wait leave the progress item
 *   4  blocks of queues are copied to segments, and may leave the chain then; ids name their topic and queue, and frames say what their
 *      messages are looked up by
 */
export const OLDEST_FORMAT = 2;
export const NEWEST_FORMAT = 4;

/** The item of a store with the newest format. */
export const NEWEST_FORMAT_ITEM: Item = { ...FORMAT_KEY, v: NEWEST_FORMAT };

/** The format that a store holds, the one that this process writes, and the newest that it could. */
export interface StoreFormats {
  readonly stored: number;
  readonly written: number;
  readonly newest: number;
}

export class StoreFormat {
  #version: number;

  constructor(version: number = NEWEST_FORMAT) {
    this.#version = version;
  }

  /** The format that this process writes: at most the store's, which never falls. */
  get version(): number {
    return this.#version;
  }

  /** Raises the store to the newest format; from then on older versions refuse to start on it. Idempotent. Errors: `StoreUnavailable`. */
  async raise(items: ItemStore): Promise<void> {
    if (this.#version === NEWEST_FORMAT) return;
    // Before the first id that names a topic by its hash.
    await writeTopicHashes(items);
    const result = await items.put(NEWEST_FORMAT_ITEM, { when: [{ op: "<", name: "v", value: NEWEST_FORMAT }] });
    this.#version = result.ok ? NEWEST_FORMAT : formatOf(result.current).version;
  }

  /** The formats as stored now. Errors: `StoreUnavailable`. */
  async read(items: ItemStore): Promise<StoreFormats> {
    const { version } = formatOf(await items.get(FORMAT_KEY));
    return { stored: version, written: this.#version, newest: NEWEST_FORMAT };
  }
}

/** Errors: `StoreCorrupt` for a format this version does not know. */
export function formatOf(item: Item | undefined): StoreFormat {
  const version = item?.v;
  if (typeof version === "number" && version >= OLDEST_FORMAT && version <= NEWEST_FORMAT) return new StoreFormat(version);
  throw new StoreCorrupt(
    `the stored data has format ${String(version)}, and this version knows formats ${OLDEST_FORMAT} to ${NEWEST_FORMAT}: ` +
      "start the version that wrote it",
  );
}
