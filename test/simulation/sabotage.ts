import type { RunningBroker } from "../../core/create-broker.ts";
import { GROUPS_PK } from "../../core/keys.ts";
import type { Compressor } from "../../core/ports/compressor.ts";
import type { Change, Condition, Item, ItemStore, Key, TransactWrite, WriteOptions } from "../../core/ports/item-store.ts";
import type { ObjectStore } from "../../core/ports/object-store.ts";
import type { SeededRandom } from "../support/seeded-random.ts";
import { changedClaim, isMeta } from "./claim-meta.ts";

/** A store that breaks one promise. Each is a possible bug of some layer, and each must be found. */
export type Sabotage = (items: ItemStore, random: SeededRandom) => ItemStore;

/** A bug, wherever it can be planted. */
export interface Plant {
  readonly items?: Sabotage;
  readonly objects?: (objects: ObjectStore) => ObjectStore;
  readonly compressor?: Compressor;
  /** How long a sleep takes. */
  readonly sleepMs?: (ms: number) => number;
  /** Between a client and its handler. */
  readonly broker?: (broker: RunningBroker) => RunningBroker;
}

export interface Tampering {
  readonly when?: (key: Key, when: readonly Condition[]) => readonly Condition[];
  readonly changes?: (key: Key, changes: readonly Change[]) => readonly Change[];
  /** True: the write is answered as done, but not done. */
  readonly swallow?: (key: Key) => boolean;
  readonly transact?: (writes: readonly TransactWrite[]) => readonly TransactWrite[];
}

export const isBlock = ({ pk }: Key): boolean => pk.startsWith("q#");
export const isProgress = ({ pk }: Key): boolean => pk.startsWith("g#");

/** I1: an append is acknowledged and forgotten. */
export const forgetsAppends: Sabotage = (items, random) =>
  tamper(items, { swallow: (key) => isBlock(key) && random.chance(0.05) });

/** I2: a repeat after a lost reply is not recognised. */
export const forgetsWriteIds: Sabotage = (items) => {
  const store = tamper(items, { when: (_key, when) => when.filter(({ op }) => op !== "notContains") });
  const blind = (item: Item | undefined): Item | undefined =>
    item && isBlock(item) ? { ...item, w: new Set(["nobody"]) } : item;
  return { ...store, get: async (key) => blind(await items.get(key)) };
};

/** I3: a block is written over another. */
export const overwritesBlocks: Sabotage = (items) =>
  tamper(items, { when: (key, when) => (isBlock(key) ? when.filter(({ op }) => op !== "absent") : when) });

/** I4: a claim is taken or settled, no matter who holds it. */
export const ignoresHolders: Sabotage = (items) =>
  tamper(items, { when: (key, when) => (isProgress(key) ? when.filter(({ name }) => !isMeta(name)) : when) });

/** I5: a reserve skips a message. */
export const skipsMessages: Sabotage = (items, random) =>
  tamper(items, {
    changes: (key, changes) =>
      isProgress(key) && random.chance(0.1)
        ? changes.map((change) => (change.op === "increment" && change.name === "n" ? { ...change, by: change.by + 1 } : change))
        : changes,
  });

/** I6: a claim is kept under another bucket than that of its messages. */
export const mixesUpBuckets: Sabotage = (items) =>
  tamper(items, {
    changes: (key, changes) =>
      isProgress(key)
        ? changes.map((change) =>
            changedClaim(change, (claim) => claim.order && { ...claim, order: { ...claim.order, bucket: 0 } }),
          )
        : changes,
  });

/** I10: a message is copied to the dead-letter topic, and stays with the group. */
export const copiesDeadLetters: Sabotage = (items) =>
  tamper(items, { transact: (writes) => writes.filter((write) => write.kind !== "update" || !isProgress(write.key)) });

/** I4: claims move out of their item and back, whatever happened to them meanwhile. */
export const movesBlindly: Sabotage = (items) =>
  tamper(items, {
    transact: (writes) =>
      writes.some((write) => (write.kind !== "put" ? write.key.pk.startsWith("r#") : write.item.pk.startsWith("r#")))
        ? writes.map((write) => (write.kind === "check" ? write : { ...write, when: [] }))
        : writes,
  });

/** I4: a reset moves only the offset, not the claims and their generation. */
export const resetsOnlyOffsets: Sabotage = (items) => {
  const isReset = (write: TransactWrite): write is Extract<TransactWrite, { kind: "put" }> =>
    write.kind === "put" && isProgress(write.item) && (write.when ?? []).some(({ name }) => name === "g");
  const offsetsOf = (item: Item): readonly Change[] =>
    ["n", "nb"].map((name) => ({ op: "set", name, value: item[name] as number }));
  return tamper(items, {
    transact: (writes) =>
      writes.map((write) =>
        isReset(write)
          ? { kind: "update", key: keyOf(write.item), changes: offsetsOf(write.item), ...(write.when && { when: write.when }) }
          : write,
      ),
  });
};

const keyOf = ({ pk, sk }: Item): Key => ({ pk, sk });

/** I5: a group never seems paused. */
export const forgetsPauses: Sabotage = (items) => ({
  ...tamper(items, {}),
  get: async (key) => {
    const item = await items.get(key);
    return item?.pk === GROUPS_PK ? { ...item, pa: 0 } : item;
  },
});

/** I10: two redrives at once do not notice each other. */
export const redrivesBlindly: Sabotage = (items) =>
  tamper(items, {
    transact: (writes) => {
      const isRedrive = (key: Key): boolean => key.pk.startsWith("d#") || key.pk.startsWith("job#");
      return writes.map((write) =>
        isRedrive(write.kind === "put" ? write.item : write.key) && write.kind !== "check" ? { ...write, when: [] } : write,
      );
    },
  });

export function tamper(items: ItemStore, { when, changes, swallow, transact }: Tampering): ItemStore {
  const options = (key: Key, given: WriteOptions | undefined): WriteOptions => ({
    ...given,
    when: when ? when(key, given?.when ?? []) : (given?.when ?? []),
  });
  return {
    get: (key, given) => items.get(key, given),
    batchGet: (keys, given) => items.batchGet(keys, given),
    query: (query) => items.query(query),
    delete: (key, given) => items.delete(key, options(key, given)),
    put: async (item, given) => (swallow?.(item) ? { ok: true } : items.put(item, options(item, given))),
    update: (key, given, more) => items.update(key, changes ? changes(key, given) : given, options(key, more)),
    transact: (writes) => items.transact(transact ? transact(writes) : writes),
  };
}
