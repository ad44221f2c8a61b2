import { progressKey } from "../keys.ts";
import type { Attribute, Change, Condition, Item, TransactWrite } from "../ports/item-store.ts";
import { StoreCorrupt } from "../ports/store-failures.ts";
import type { ProgressQueue } from "./consumed-queue.ts";
import { type Deferred, deferredAsRead, deferredChanges } from "./deferred.ts";
import { type Claim, type ClaimMeta, isHolding, metaOf, metaPrefix, type Progress } from "./progress.ts";

/** The counts and buckets of what is outside the item. */
export type Outside = Pick<Progress, "messagesOut" | "bucketsOut" | "backlogged">;

/**
 * One write of a progress item: its changes and its conditions. All writes of the item are made here, so that only `progress.ts`,
 * `deferred.ts` and this file know its attributes. Each write wants the generation as it was read: a write that a reset left behind
 * changes nothing.
 */
export class ProgressChange {
  readonly changes: Change[] = [];
  readonly when: Condition[];

  constructor({ generation }: Pick<Progress, "generation">) {
    this.when = [{ op: "=", name: "g", value: generation }];
  }

  /** Wants the claim exactly as it was read or handed out. */
  wantClaim(claim: ClaimMeta & Pick<Claim, "id" | "first">): this {
    return this.#want(
      { op: "=", name: `f${claim.id}`, value: claim.first },
      { op: "=", name: `m${claim.id}`, value: metaOf(claim) },
    );
  }

  /** Wants the open messages of the claim as they were read: none settled, none joined. */
  wantOpen({ id, open }: Pick<Claim, "id" | "open">): this {
    return this.#want({ op: "=", name: `o${id}`, value: new Set(open) });
  }

  /** Wants these messages of the claim to be still open, whatever happened to its others. */
  wantStillOpen(id: string, offsets: Iterable<number>): this {
    for (const value of offsets) this.#want({ op: "contains", name: `o${id}`, value });
    return this;
  }

  /** Wants the claim to be held by this delivery, however often its lease was extended. */
  wantDelivery(claim: Pick<Claim, "id" | "first" | "nonce" | "attempt">): this {
    return this.#want(
      { op: "=", name: `f${claim.id}`, value: claim.first },
      { op: "beginsWith", name: `m${claim.id}`, prefix: metaPrefix(claim) },
    );
  }

  /** Wants the next offset as it was read. */
  wantNext({ next }: Progress): this {
    return this.#want({ op: "=", name: "n", value: next });
  }

  /** Wants that no backlog was written since the item was read. */
  wantBacklogs({ moves }: Progress): this {
    return this.#want(moves === undefined ? { op: "absent", name: "ov" } : { op: "=", name: "ov", value: moves });
  }

  /** Wants that no claim or offset moved out of the item, or into it, since it was read. */
  wantUnmoved(progress: Progress): this {
    return this.wantBacklogs(progress).#want({ op: "=", name: "r", value: progress.messagesOut });
  }

  /** A new claim. Wants its id to be free. */
  putClaim(claim: Claim): this {
    this.changes.push({ op: "set", name: `f${claim.id}`, value: claim.first });
    return this.#putOpen(claim, claim.open);
  }

  /**
   * A new claim on the next `count` offsets from where the item stands at the write: concurrent receives get neighbouring ranges. Wants
   * the offsets to lie before `end`.
   */
  reserve(
    claim: ClaimMeta & Pick<Claim, "id">,
    count: number,
    { end, hint }: { readonly end: number; readonly hint: number },
  ): this {
    this.changes.push(
      { op: "copy", name: `f${claim.id}`, from: "n" },
      { op: "increment", name: "n", by: count },
      { op: "set", name: "nb", value: hint },
    );
    this.#want({ op: "<=", name: "n", value: end - count });
    return this.#putOpen(claim, Array(count).keys());
  }

  /** Moves the next offset on. Wants it as it was read. */
  handOut(progress: Progress, { next, hint }: Pick<Progress, "next" | "hint">): this {
    if (next < progress.next) throw new RangeError(`offset ${next} is handed out already`);
    if (next !== progress.next) this.changes.push({ op: "set", name: "n", value: next }, { op: "set", name: "nb", value: hint });
    return this.wantNext(progress);
  }

  /**
   * Moves the next offset back. A write that was read before it changes nothing any more, not even once the next offset is where it was.
   * Only for an item that nothing is held in or outside of. Wants it as it was read.
   */
  rewind(progress: Progress, { next, hint }: Pick<Progress, "next" | "hint">): this {
    if (isHolding(progress)) throw new RangeError(`what is held lies behind offset ${next}`);
    this.changes.push(
      { op: "set", name: "g", value: progress.generation + 1 },
      { op: "set", name: "n", value: next },
      { op: "set", name: "nb", value: hint },
    );
    return this.wantNext(progress).wantUnmoved(progress);
  }

  /** Sets the holder of the claim, and the end of its lease or wait. */
  setMeta(id: string, meta: ClaimMeta): this {
    this.changes.push({ op: "set", name: `m${id}`, value: metaOf(meta) });
    return this;
  }

  /** Messages leave a claim. When the last one leaves, an empty claim stays. */
  settle(id: string, offsets: ReadonlySet<number>): this {
    if (offsets.size > 0) this.changes.push({ op: "deleteFromSet", name: `o${id}`, values: offsets });
    return this;
  }

  /** Messages join a claim. */
  join(id: string, offsets: ReadonlySet<number>): this {
    this.changes.push({ op: "addToSet", name: `o${id}`, values: offsets });
    return this;
  }

  dropClaim(id: string): this {
    for (const attribute of ["f", "m", "o"]) this.changes.push({ op: "remove", name: attribute + id });
    return this;
  }

  /** Removes some empty claims. Wants them to be still empty. */
  sweep({ emptyClaims }: Progress, most: number): this {
    for (const id of emptyClaims.slice(0, most)) {
      this.changes.push({ op: "remove", name: `f${id}` }, { op: "remove", name: `m${id}` });
      this.#want({ op: "absent", name: `o${id}` });
    }
    return this;
  }

  /** Sets what is deferred. Wants it as it was read. */
  defer({ stored }: Progress, deferred: Deferred): this {
    this.changes.push(...deferredChanges(stored, deferred));
    return this.#want(deferredAsRead(stored));
  }

  /** Counts messages that expired before they were settled. */
  countExpired(messages: number): this {
    return this.#count("ex", messages);
  }

  /** Counts messages that went to the dead-letter topic. */
  countDead(messages: number): this {
    return this.#count("dl", messages);
  }

  /** Counts messages that were put aside. Wants the count as it was read. */
  countUnreadable({ stored, unreadable }: Progress, messages: number): this {
    this.changes.push({ op: "set", name: "ur", value: unreadable + messages });
    return this.#want(unreadableAsRead(stored));
  }

  /** Sets how many messages are outside. Wants that nothing moved since the item was read. Errors: `StoreCorrupt` for fewer than none. */
  setMessagesOut(progress: Progress, messagesOut: number): this {
    if (messagesOut < 0) throw new StoreCorrupt(`more came back to ${progress.stored.pk} than was outside`);
    this.changes.push({ op: "set", name: "r", value: messagesOut });
    return this.wantUnmoved(progress);
  }

  /** Sets when the first claim outside is due. */
  setMovedOutDue(dueMs: number): this {
    this.changes.push({ op: "set", name: "rd", value: dueMs });
    return this;
  }

  /** Sets what is outside after backlogs are written with this change. Wants that nothing moved since the item was read. */
  move(progress: Progress, { messagesOut, bucketsOut, backlogged }: Outside): this {
    this.changes.push({ op: "set", name: "ov", value: (progress.moves ?? 0) + 1 });
    if (bucketsOut !== progress.bucketsOut) this.changes.push({ op: "set", name: "oc", value: bucketsOut });
    if (backlogged.size > 0) this.changes.push({ op: "set", name: "bk", value: backlogged });
    else if (progress.backlogged.size > 0) this.changes.push({ op: "remove", name: "bk" });
    return this.setMessagesOut(progress, messagesOut);
  }

  /** As a part of a transaction. */
  writeTo({ subscription, queueId }: ProgressQueue): TransactWrite {
    return { kind: "update", key: progressKey(subscription.uid, queueId), changes: this.changes, when: this.when };
  }

  /** The item after the change. */
  appliedTo(item: Item): Item {
    const after: Record<string, Attribute> & Item = { ...item };
    for (const change of this.changes) {
      const { name } = change;
      if (change.op === "set") after[name] = change.value;
      else if (change.op === "increment") after[name] = (after[name] as number) + change.by;
      else if (change.op === "remove") delete after[name];
      else if (change.op === "deleteFromSet") {
        const left = difference(after[name], change.values);
        if (left.size > 0) after[name] = left;
        else delete after[name];
      } else throw new TypeError(`what ${change.op} makes of an item is for the table to say`);
    }
    return after;
  }

  #putOpen(claim: ClaimMeta & Pick<Claim, "id">, open: Iterable<number>): this {
    this.changes.push({ op: "set", name: `o${claim.id}`, value: new Set(open) });
    this.#want({ op: "absent", name: `f${claim.id}` });
    return this.setMeta(claim.id, claim);
  }

  #count(name: string, by: number): this {
    if (by > 0) this.changes.push({ op: "increment", name, by });
    return this;
  }

  #want(...conditions: readonly Condition[]): this {
    this.when.push(...conditions);
    return this;
  }
}

/** The item that replaces another when offsets are reset, and the conditions on the other: no count may be lost. */
export function replacementOf({ stored }: Progress, fresh: Item): { readonly item: Item; readonly when: readonly Condition[] } {
  const { g, dl, ex, ur } = stored;
  const item: Item = { ...fresh, g: (g as number) + 1, dl: dl as number, ex: ex as number, ...(ur !== undefined && { ur }) };
  const counted = ["g", "n", "r", "dl", "ex"].map((name): Condition => ({ op: "=", name, value: stored[name] as number }));
  return { item, when: [...counted, unreadableAsRead(stored)] };
}

const unreadableAsRead = ({ ur }: Item): Condition =>
  ur === undefined ? { op: "absent", name: "ur" } : { op: "=", name: "ur", value: ur };

function difference(members: Attribute | undefined, gone: ReadonlySet<string> | ReadonlySet<number>): Set<number> {
  const left = new Set(members as ReadonlySet<number> | undefined);
  for (const member of gone as ReadonlySet<number>) left.delete(member);
  return left;
}
