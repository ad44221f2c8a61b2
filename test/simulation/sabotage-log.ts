import type { Condition, Item, Key } from "../../core/ports/item-store.ts";
import { StoreUnavailable } from "../../core/ports/store-failures.ts";
import { runLengthCompressor } from "./run-length-compressor.ts";
import { isBlock, type Plant, type Sabotage, tamper } from "./sabotage.ts";

/** Bugs in how the log is written, read and aged. */

const HOUR_SECONDS = 3_600;
const isAnchor = ({ pk }: Key): boolean => pk.startsWith("a#");

/** I2: the cap is raised at the first restart of a chain, and then hardly any more. */
export const raisesCapOnce: Sabotage = (items) =>
  tamper(items, {
    transact: (writes) =>
      writes.map((write) => {
        if (write.kind !== "update" || !isAnchor(write.key)) return write;
        const cap = write.when?.find(({ op }) => op === "=");
        return cap?.op === "=" ? { ...write, changes: [{ op: "set", name: "cap", value: (cap.value as number) + 1 }] } : write;
      }),
  });

/** I1: a block that is about to expire is written to, because everyone reads a later expiry. */
export const writesToExpiringBlocks: Sabotage = (items) => {
  const prolonged = <T extends Item | undefined>(item: T): T =>
    item && isBlock(item) ? ({ ...item, x: (item.x as number) + 6 * HOUR_SECONDS } as T) : item;
  const ofExpiry = (when: readonly Condition[]): readonly Condition[] => when.filter(({ name }) => name !== "x");
  return {
    ...tamper(items, { when: (key, when) => (isBlock(key) ? ofExpiry(when) : when) }),
    get: async (key, options) => prolonged(await items.get(key, options)),
    query: async (query) => {
      const page = await items.query(query);
      return { ...page, items: page.items.map(prolonged) };
    },
  };
};

/** I1: a new block expires before the one in front of it. */
export const letsExpiryFall: Sabotage = (items) => ({
  ...tamper(items, {}),
  put: (item, options) =>
    items.put(isBlock(item) && item.sk !== "" ? { ...item, x: (item.x as number) - 2 * HOUR_SECONDS } : item, options),
});

/** L: an eventually consistent read never gets to see what others wrote. */
export const pollsSeeNothing: Sabotage = (items) => ({
  ...tamper(items, {}),
  query: async (query) => (query.consistent === false ? { items: [], more: false } : items.query(query)),
});

/** I1: a reader accepts smaller frames than a writer makes. */
export const refusesLargeFrames: Plant = {
  compressor: {
    deflate: runLengthCompressor.deflate,
    inflate: (bytes, bytesMax) => {
      if (bytesMax > 2_500_000) throw new RangeError("records too long");
      return runLengthCompressor.inflate(bytes, bytesMax);
    },
  },
};

/** L, E: a lost object is requested again and again. */
export const waitsForLostObjects: Plant = {
  objects: (objects) => ({
    put: (key, bytes, options) => objects.put(key, bytes, options),
    getRange: async (key, offset, length) => found(await objects.getRange(key, offset, length)),
  }),
};

/** I1: an object lives only as long as the shortest retention, although its messages live longer. */
export const dropsObjectsEarly: Plant = {
  objects: (objects) => {
    let latestMs = 0;
    const createdMs = (key: string): number => Number(/(\d+)-[^/]*$/.exec(key)?.[1]);
    const kept = (key: string): boolean => latestMs - createdMs(key) <= RETENTION_MS_LEAST;
    return {
      put: (key, bytes, options) => {
        latestMs = Math.max(latestMs, createdMs(key));
        return objects.put(key, bytes, options);
      },
      getRange: async (key, offset, length) => (kept(key) ? objects.getRange(key, offset, length) : undefined),
    };
  },
};

const RETENTION_MS_LEAST = 3_600_000;

function found(bytes: Uint8Array | undefined): Uint8Array {
  if (!bytes) throw new StoreUnavailable("not-applied", "unavailable", "no such object yet");
  return bytes;
}
