import type { Condition, Item, Key, TransactWrite, WriteResult } from "../../../core/ports/item-store.ts";
import { type Sabotage, tamper } from "../sabotage.ts";

const isTimer = ({ pk }: Key): boolean => pk.startsWith("t#");
const isBlock = ({ pk }: Key): boolean => pk.startsWith("q#");
const isHalfMessage = ({ pk }: Key): boolean => pk.startsWith("x#");
const isTombstone = (item: Item): boolean => isTimer(item) && item.k === "x";

const keyOf = (write: TransactWrite): Key => (write.kind === "put" ? write.item : write.key);
const puts = (write: TransactWrite): Item | undefined => (write.kind === "put" ? write.item : undefined);

/** I7: a delivered timer stays. Not every time, or the history would never end. */
export const keepsTimers: Sabotage = (items, random) =>
  tamper(items, {
    transact: (writes) =>
      writes.some((write) => isBlock(keyOf(write))) && random.chance(0.1)
        ? writes.filter((write) => write.kind !== "delete" || !isTimer(write.key))
        : writes,
  });

/** I7: a cancelled timer leaves nothing behind. */
export const forgetsCancels: Sabotage = (items) => ({
  ...tamper(items, {}),
  put: (item, options): Promise<WriteResult> => (isTombstone(item) ? items.delete(item, options) : items.put(item, options)),
});

/** I7: a timer is put at its new place, and only then deleted at its old one. */
export const movesInTwoWrites: Sabotage = (items) => ({
  ...tamper(items, {}),
  transact: async (writes) => {
    const [tombstone, ...moved] = writes;
    if (!tombstone || moved.length === 0 || !isTombstone(puts(tombstone) ?? noItem)) return items.transact(writes);
    const put = await items.transact(moved);
    if (!put.ok) return { ok: false, failures: [undefined, ...put.failures] };
    return items.transact([tombstone]);
  },
});

const noItem: Item = { pk: "", sk: "" };

/** I7: due timers are found in the wrong order. */
export const readsBackwards: Sabotage = (items) => ({
  ...tamper(items, {}),
  query: async (query) => {
    const page = await items.query(query);
    return query.pk.startsWith("t#") && !page.more ? { ...page, items: page.items.toReversed() } : page;
  },
});

/** I8: a transaction is decided again, whatever its state. */
export const decidesBlindly: Sabotage = (items) =>
  tamper(items, {
    when: (key, when) => (isHalfMessage(key) ? withoutState(when) : when),
    transact: (writes) =>
      writes.map((write) =>
        write.kind === "update" && isHalfMessage(write.key) ? { ...write, when: withoutState(write.when ?? []) } : write,
      ),
  });

const withoutState = (when: readonly Condition[]): readonly Condition[] => when.filter(({ name }) => name !== "s");

/** I8: two processes that make a check at once do not notice each other. */
export const checksBlindly: Sabotage = (items) =>
  tamper(items, {
    transact: (writes) => writes.map((write) => (isCheckDone(write) ? { ...write, when: [] } : write)),
  });

const isCheckDone = (write: TransactWrite): boolean =>
  write.kind === "delete" && isTimer(write.key) && (write.when ?? []).some((term) => term.op === "=" && term.value === "c");

/** I8: the half message is stored in one write, and its first check in another, which is sometimes missing. */
export const forgetsFirstChecks: Sabotage = (items, random) =>
  tamper(items, {
    transact: (writes) =>
      writes.some((write) => isHalfMessage(puts(write) ?? noItem)) && random.chance(0.1)
        ? writes.filter((write) => !isTimer(puts(write) ?? noItem))
        : writes,
  });

/** I8: a transaction says that somebody was asked about it even if nobody was. */
export const asksNobody: Sabotage = (items) =>
  tamper(items, {
    transact: (writes) =>
      writes.map(
        (write) =>
          (isHalfMessage(puts(write) ?? noItem) ? { ...write, item: { ...puts(write), a: 1 } as Item } : write) as TransactWrite,
      ),
  });

/** I9: a message is stored in one write, and its identity in another. */
export const knowsInTwoWrites: Sabotage = (items) => ({
  ...tamper(items, {}),
  transact: async (writes) => {
    const known = writes.filter((write) => keyOf(write).pk.startsWith("k#"));
    if (known.length === 0 || known.length === writes.length) return items.transact(writes);
    const stored = await items.transact(writes.filter((write) => !known.includes(write)));
    if (stored.ok) await items.transact(known.map((write) => ({ ...write, when: [] }) as TransactWrite));
    return stored;
  },
});

/** I9: a producer's state is written even if another send has changed it. */
export const forgetsProducers: Sabotage = (items) =>
  tamper(items, {
    transact: (writes) =>
      writes.map((write) => (write.kind === "put" && write.item.pk.startsWith("p#") ? { kind: "put", item: write.item } : write)),
  });
