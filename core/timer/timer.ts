import { dueOfTimer, idOfTimer, timerSk, timersPk } from "../keys.ts";
import type { Condition, Item, Key } from "../ports/item-store.ts";
import { StoreCorrupt } from "../ports/store-failures.ts";
import { TIMER_SHARDS } from "./timer-limits.ts";

/** Where a timer lies: its shard, and its key there. */
export interface TimerPlace {
  readonly shard: number;
  readonly dueMs: number;
  readonly id: string;
}

/**
 * What is due at a time. Item `t#<shard>` / `<due ms>-<id>`, [k] its kind:
 *
 *   m  a delayed message: [u] topic uid · [n] topic name · [f] its frame · [m] its id if the producer chose it
 *      · [g] hash of its message group, or [p] priority, which bind it to a queue · [v] moves so far, absent: none
 *      · [dk] the dedup key that its send is known by. Timers of older versions lack it: their cancellation leaves the key taken.
 *   c  the check of a half message: [c] checks made before · [pg] its producer group. Checks of older versions lack that.
 *   x  a tombstone, which keeps the place of a cancelled or moved message until it is due: [mv] moved · [m] as of a cancelled message.
 *      Those of older versions lack that.
 */
export type Timer = MessageTimer | CheckTimer | Tombstone;

export interface MessageTimer extends TimerPlace {
  readonly kind: "message";
  readonly topicUid: string;
  readonly topic: string;
  readonly frame: Uint8Array;
  /** Absent: `id`. */
  readonly chosenId: string | undefined;
  readonly groupHash: number | undefined;
  readonly priority: number | undefined;
  /** The dedup key of its send; a cancellation frees it. */
  readonly dedupKey: string | undefined;
  /** A message may be in one place twice, so a move requires this count as it was read. */
  readonly moves: number;
}

/** Its id is that of the transaction. */
export interface CheckTimer extends TimerPlace {
  readonly kind: "check";
  readonly checks: number;
  /** Whose checks wait for each other, and for nobody else's. */
  readonly producerGroup: string | undefined;
}

export interface Tombstone extends TimerPlace {
  readonly kind: "tombstone";
  /** Else it was cancelled. */
  readonly moved: boolean;
  /** Of a cancelled message whose producer chose its id. */
  readonly chosenId: string | undefined;
}

/** Messages of one message group share a shard: those of a shard are delivered in the order of their due times. */
export const shardOf = (hash: number, shards: number = TIMER_SHARDS): number => hash % shards;

export const timerKey = ({ shard, dueMs, id }: TimerPlace): Key => ({ pk: timersPk(shard), sk: timerSk(dueMs, id) });

export const messageTimerItem = (timer: Omit<MessageTimer, "kind">): Item => ({
  ...timerKey(timer),
  k: "m",
  u: timer.topicUid,
  n: timer.topic,
  f: timer.frame,
  ...(timer.chosenId !== undefined && { m: timer.chosenId }),
  ...(timer.groupHash !== undefined && { g: timer.groupHash }),
  ...(timer.priority !== undefined && { p: timer.priority }),
  ...(timer.dedupKey !== undefined && { dk: timer.dedupKey }),
  ...(timer.moves > 0 && { v: timer.moves }),
});

export const checkTimerItem = (timer: Omit<CheckTimer, "kind">): Item => ({
  ...timerKey(timer),
  k: "c",
  c: timer.checks,
  ...(timer.producerGroup !== undefined && { pg: timer.producerGroup }),
});

export const movedTombstoneItem = (place: TimerPlace): Item => ({ ...timerKey(place), k: "x", mv: 1 });

export const cancelledTombstoneItem = (place: TimerPlace & Partial<Pick<MessageTimer, "chosenId">>): Item => ({
  ...timerKey(place),
  k: "x",
  ...(place.chosenId !== undefined && { m: place.chosenId }),
});

/** About what keys and attributes of a timer take beside a frame and names. */
const TIMER_BYTES = 110;

/** Write units that deleting it takes, of a message in a transaction. Most checks are of ended transactions, and are deleted alone. */
export function unitsOfTimer(timer: Timer): number {
  if (timer.kind !== "message") return 1;
  const bytes = timer.frame.length + timer.topic.length + (timer.chosenId?.length ?? 0);
  return 2 * Math.ceil((bytes + TIMER_BYTES) / 1_024);
}

export const isMessage: readonly Condition[] = [{ op: "=", name: "k", value: "m" }];
/** A message of which its place says all that its cancellation must know. */
export const isPlainMessage: readonly Condition[] = [...isMessage, { op: "absent", name: "dk" }, { op: "absent", name: "m" }];
export const isCheck: readonly Condition[] = [{ op: "=", name: "k", value: "c" }];
export const isMovedAsRead = ({ moves }: MessageTimer): readonly Condition[] => [
  ...isMessage,
  moves > 0 ? { op: "=", name: "v", value: moves } : { op: "absent", name: "v" },
];
export const isTombstone = (moved: boolean): readonly Condition[] => [
  { op: "=", name: "k", value: "x" },
  { op: moved ? "exists" : "absent", name: "mv" },
];
export const isFree: readonly Condition[] = [{ op: "absent", name: "pk" }];

/** Where the number of a shard begins in its key. */
const SHARD_AT = timersPk(0).length - 1;

/** Errors: `StoreCorrupt` for a kind this version does not know. */
export function timerOf(item: Item): Timer {
  const { pk, sk } = item;
  const attributes = item as unknown as TimerAttributes;
  const shard = Number(pk.slice(SHARD_AT));
  const dueMs = dueOfTimer(sk);
  const id = idOfTimer(sk);
  switch (attributes.k) {
    case "m":
      return {
        kind: "message",
        shard,
        dueMs,
        id,
        topicUid: attributes.u,
        topic: attributes.n,
        frame: attributes.f,
        chosenId: attributes.m,
        groupHash: attributes.g,
        priority: attributes.p,
        dedupKey: attributes.dk,
        moves: attributes.v ?? 0,
      };
    case "c":
      return { kind: "check", shard, dueMs, id, checks: attributes.c, producerGroup: attributes.pg };
    case "x":
      return { kind: "tombstone", shard, dueMs, id, moved: attributes.mv !== undefined, chosenId: attributes.m };
    default:
      throw new StoreCorrupt(`timer ${pk} ${sk} has the unknown kind ${String(attributes.k)}`, { key: { pk, sk } });
  }
}

/** `undefined` for what cannot be read: it must not stop the others. */
export function readableTimer(item: Item): Timer | undefined {
  try {
    return timerOf(item);
  } catch (error) {
    if (StoreCorrupt.is(error)) return undefined;
    throw error;
  }
}

interface TimerAttributes {
  readonly k: string;
  readonly u: string;
  readonly n: string;
  readonly f: Uint8Array;
  readonly m: string | undefined;
  readonly g: number | undefined;
  readonly p: number | undefined;
  readonly dk: string | undefined;
  readonly v: number | undefined;
  readonly c: number;
  readonly pg: string | undefined;
  readonly mv: number | undefined;
}
