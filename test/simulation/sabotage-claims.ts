import type { Change, Condition, Item, Key } from "../../core/ports/item-store.ts";
import { type Claim, givenBackNonce, isGivenBack, progressOf } from "../../core/progress/progress.ts";
import { changedClaim, isMeta } from "./claim-meta.ts";
import { isProgress, type Sabotage, tamper } from "./sabotage.ts";

/** Bugs in how claims are kept, settled and moved. */

/** Rewrites updates of claims, given the item before, which is all that is known. */
const rewriting =
  (rewrite: (change: Change, before: Item) => Change): Sabotage =>
  (items) => ({
    ...tamper(items, {}),
    update: async (key, changes, options) => {
      const before = isProgress(key) ? await items.get(key) : undefined;
      return items.update(key, before ? changes.map((change) => rewrite(change, before)) : changes, options);
    },
  });

/** I4: an extend is answered but not stored: for all that a delivery holds, or for a part. */
export const forgetsExtends = (what: "whole" | "part"): Sabotage =>
  rewriting((change, before) =>
    changedClaim(change, (claim) => {
      const held = [...progressOf(before).claims.values()].find(
        (one) => one.nonce === claim.nonce && one.attempt === claim.attempt && !isGivenBack(one),
      );
      const isSame = held?.id === claim.id;
      return held && isSame === (what === "whole") ? { ...claim, dueMs: Math.min(claim.dueMs, held.dueMs) } : undefined;
    }),
  );

/** The claim of the same delivery before a write that shortened its lease. */
const beforeShortened = (claim: Claim, before: Item): Claim | undefined =>
  isGivenBack(claim)
    ? undefined
    : [...progressOf(before).claims.values()].find(({ nonce, dueMs }) => nonce === claim.nonce && dueMs > claim.dueMs);

/** I4: a lease that is shortened ends long before the time that was said. */
export const endsShortenedEarly: Sabotage = rewriting((change, before) =>
  changedClaim(change, (claim) => (beforeShortened(claim, before) ? { ...claim, dueMs: claim.dueMs - 11_000 } : undefined)),
);

/** I4: a lease that is shortened is nobody's any more. */
export const voidsShortened: Sabotage = rewriting((change, before) =>
  changedClaim(change, (claim) =>
    beforeShortened(claim, before) ? { ...claim, nonce: givenBackNonce(claim.nonce, claim.attempt) } : undefined,
  ),
);

/** I5: messages given back as if never delivered count as delivered. */
export const countsUnsent: Sabotage = rewriting((change, before) =>
  changedClaim(change, (claim) => {
    if (!isGivenBack(claim)) return undefined;
    const held = [...progressOf(before).claims.values()].some((one) => one.attempt === claim.attempt + 1);
    return held ? { ...claim, attempt: claim.attempt + 1 } : undefined;
  }),
);

const removesOpen = (changes: readonly Change[]): boolean =>
  changes.some(({ op, name }) => (op === "remove" || op === "deleteFromSet") && name.startsWith("o"));

const isBacklog = ({ pk }: Key): boolean => pk.startsWith("w#");

/** I5: two processes that move messages of one group out of the item at once, or back, do not notice each other. */
export const movesUnseen: Sabotage = (items) => {
  const unseeing = (when: readonly Condition[] = []): readonly Condition[] =>
    when.filter(({ name }) => name !== "ov" && name !== "r" && name !== "k");
  return tamper(items, {
    when: (key, when) => (isProgress(key) ? unseeing(when) : when),
    transact: (writes) => writes.map((write) => (write.kind === "update" ? { ...write, when: unseeing(write.when) } : write)),
  });
};

/** I5: messages that are added to an existing backlog are forgotten. */
export const forgetsBacklogs: Sabotage = (items, random) =>
  tamper(items, {
    transact: (writes) =>
      writes.filter((write) => write.kind !== "put" || !isBacklog(write.item) || !("o" in write.item) || !random.chance(0.05)),
  });

/** L: claims that wait outside their item are looked for only long after they are due. */
export const looksOutsideLate: Sabotage = (items) => {
  const later = (changes: readonly Change[]): readonly Change[] =>
    changes.map((change) =>
      change.op === "set" && change.name === "rd" ? { ...change, value: (change.value as number) + 40_000 } : change,
    );
  return tamper(items, {
    changes: (key, changes) => (isProgress(key) ? later(changes) : changes),
    transact: (writes) =>
      writes.map((write) =>
        write.kind === "update" && isProgress(write.key) ? { ...write, changes: later(write.changes) } : write,
      ),
  });
};

/** I5: an ack ends whatever its claim holds by now, whoever holds it. */
export const acksWhateverIsThere: Sabotage = (items) => ({
  ...tamper(items, {}),
  update: (key, changes, options) =>
    items.update(key, changes, {
      ...options,
      when:
        isProgress(key) && removesOpen(changes) && changes.every(({ op }) => op === "remove" || op === "deleteFromSet")
          ? (options?.when ?? []).filter(({ name }) => !isMeta(name))
          : (options?.when ?? []),
    }),
});

/** I5, I10: settled messages look open for as long as their claim exists. */
export const showsSettledAsOpen: Sabotage = (items) => {
  const known = new Map<string, ReadonlySet<number>>();
  const shown = <T extends Item | undefined>(item: T): T => {
    if (!item || !isProgress(item)) return item;
    const changed: Record<string, unknown> = { ...item };
    for (const name of Object.keys(item).filter(isMeta)) {
      const open = `o${name.slice(1)}`;
      const seen = `${item.pk}/${open}/${item[name.replace("m", "f")]}`;
      const now = item[open] as ReadonlySet<number> | undefined;
      if (!now) continue;
      const all = new Set([...(known.get(seen) ?? []), ...now]);
      known.set(seen, all);
      changed[open] = all;
    }
    return changed as T;
  };
  const blind = (key: Key, when: readonly Condition[]): readonly Condition[] =>
    isProgress(key) ? when.filter(({ name }) => !/^o.{4}$/.test(name)) : when;
  const tampered = tamper(items, {
    when: blind,
    transact: (writes) =>
      writes.map((write) => (write.kind === "update" ? { ...write, when: blind(write.key, write.when ?? []) } : write)),
  });
  return {
    ...tampered,
    get: async (key, options) => shown(await items.get(key, options)),
    batchGet: async (keys, options) => (await items.batchGet(keys, options)).map(shown),
  };
};

/** I10: expired messages are counted twice. */
export const countsExpiredTwice: Sabotage = (items) =>
  tamper(items, {
    changes: (key, changes) =>
      isProgress(key)
        ? changes.map((change) => (change.op === "increment" && change.name === "ex" ? { ...change, by: 2 * change.by } : change))
        : changes,
  });
