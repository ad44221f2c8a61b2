import { hash32 } from "../bytes/hash32.ts";
import { halfMessagesPk } from "../keys.ts";
import type { FramePlace } from "../log/queue-log.ts";
import type { Change, Condition, Item, Key } from "../ports/item-store.ts";
import type { Transaction, TransactionState } from "./transaction.ts";
import { DISCARDED_TRANSACTION_LIFE_MS, ENDED_TRANSACTION_LIFE_MS, HALF_MESSAGE_SHARDS } from "./transaction-limits.ts";

/**
 * A message that waits for the outcome of its transaction. Item `x#<shard>` / transaction id: [s] state · [u] topic uid · [n] topic
 * name · [p] producer group · [f] its frame · [m] its id if the producer chose it · [c] checks made · [nc] when the next is due · [w]
 * why the last one got no answer, or was not posted · [a] 1: a check was posted, or received, which is noted for groups with an
 * endpoint · [ca ea] created, ended ms · [q b i] queue, block base and frame id it was committed to · [x]
 *
 * It is always in one of these states. Each step is a write on the condition of the state before:
 * - PREPARED: has one check timer, which carries [c] too. A verdict ends the state. A due check increments [c], until there are too
 *   many; if nobody was asked ([a]), checks go on longer.
 * - COMMITTED, written in one transaction with the append to the queue; ROLLED_BACK. Both are final, and remembered for a day, so
 *   that a repeated verdict gets the first answer. The frame is removed.
 * - DISCARDED: no answer came. Kept for 30 days, in which an operator may still commit it or roll it back.
 */
export interface HalfMessage {
  readonly id: string;
  readonly state: TransactionState;
  readonly topicUid: string;
  readonly topic: string;
  readonly producerGroup: string;
  /** Absent once committed or rolled back. */
  readonly frame: Uint8Array | undefined;
  /** Absent: `id`. */
  readonly chosenId: string | undefined;
  /** Checks made. */
  readonly checks: number;
  readonly nextCheckAtMs: number | undefined;
  readonly checkFailure: string | undefined;
  /** A check was posted to the group's endpoint, with or without success, or was received by one of its producers. */
  readonly asked: boolean;
  readonly createdAtMs: number;
  readonly endedAtMs: number | undefined;
  /** Where it was committed to. */
  readonly place: FramePlace | undefined;
}

const STATE_CODES = { PREPARED: "p", COMMITTED: "c", ROLLED_BACK: "r", DISCARDED: "d" } as const;
const STATES = { p: "PREPARED", c: "COMMITTED", r: "ROLLED_BACK", d: "DISCARDED" } as const;

export const halfMessageKey = (id: string): Key => ({ pk: halfMessagesPk(hash32(id) % HALF_MESSAGE_SHARDS), sk: id });

export const preparedItem = (half: {
  readonly id: string;
  readonly topicUid: string;
  readonly topic: string;
  readonly producerGroup: string;
  readonly frame: Uint8Array;
  readonly chosenId: string | undefined;
  readonly nextCheckAtMs: number;
  readonly createdAtMs: number;
}): Item => ({
  ...halfMessageKey(half.id),
  s: STATE_CODES.PREPARED,
  u: half.topicUid,
  n: half.topic,
  p: half.producerGroup,
  f: half.frame,
  ...(half.chosenId !== undefined && { m: half.chosenId }),
  c: 0,
  nc: half.nextCheckAtMs,
  ca: half.createdAtMs,
});

export function halfMessageOf(item: Item): HalfMessage {
  const { sk, s, u, n, p, f, m, c, nc, w, a, ca, ea, q, b, i } = item as unknown as HalfMessageAttributes;
  return {
    id: sk,
    state: STATES[s],
    topicUid: u,
    topic: n,
    producerGroup: p,
    frame: f,
    chosenId: m,
    checks: c,
    nextCheckAtMs: nc,
    checkFailure: w,
    asked: a !== undefined,
    createdAtMs: ca,
    endedAtMs: ea,
    place: i && { queueId: q, base: b, frameId: i },
  };
}

/** The frame of a transaction that may still be decided. */
export function frameOf({ id, frame }: HalfMessage): Uint8Array {
  if (!frame) throw new Error(`the frame of ${id} went with its end`);
  return frame;
}

/** The half message. `undefined` if it is absent, or no longer remembered. */
export const rememberedHalf = (item: Item | undefined, nowMs: number): HalfMessage | undefined =>
  item && ((item.x as number | undefined) ?? Number.POSITIVE_INFINITY) > nowMs / 1_000 ? halfMessageOf(item) : undefined;

export const inState = (state: TransactionState): readonly Condition[] => [{ op: "=", name: "s", value: STATE_CODES[state] }];

/** The condition that the transaction is undecided and this was its latest check. */
export const undecidedAfter = (checks: number): readonly Condition[] => [
  ...inState("PREPARED"),
  { op: "=", name: "c", value: checks },
];

export const ASKED: Change = { op: "set", name: "a", value: 1 };
/** Why the latest check has no answer. */
export const failing = (why: string): Change => ({ op: "set", name: "w", value: why });

/** One more check was made; `refusal`: why it was not posted. */
export const checked = (checks: number, nextMs: number, refusal: string | undefined): readonly Change[] => [
  { op: "set", name: "c", value: checks },
  { op: "set", name: "nc", value: nextMs },
  refusal === undefined ? { op: "remove", name: "w" } : failing(refusal),
];

export const committing = (nowMs: number, place: FramePlace): readonly Change[] => [
  ...ending("COMMITTED", nowMs, ENDED_TRANSACTION_LIFE_MS),
  { op: "remove", name: "f" },
  { op: "set", name: "q", value: place.queueId },
  { op: "set", name: "b", value: place.base },
  { op: "set", name: "i", value: place.frameId },
];

export const rollingBack = (nowMs: number): readonly Change[] => [
  ...ending("ROLLED_BACK", nowMs, ENDED_TRANSACTION_LIFE_MS),
  { op: "remove", name: "f" },
];

/** An operator may still want the message. */
export const discarding = (nowMs: number): readonly Change[] => ending("DISCARDED", nowMs, DISCARDED_TRANSACTION_LIFE_MS);

const ending = (state: TransactionState, nowMs: number, lifeMs: number): readonly Change[] => [
  { op: "set", name: "s", value: STATE_CODES[state] },
  { op: "set", name: "ea", value: nowMs },
  { op: "set", name: "x", value: Math.ceil((nowMs + lifeMs) / 1_000) },
  { op: "remove", name: "nc" },
];

export const transactionOf = (
  half: HalfMessage,
  at?: { readonly queueId: number; readonly offset: number | undefined },
): Transaction => ({
  id: half.id,
  messageId: half.chosenId ?? half.id,
  topic: half.topic,
  producerGroup: half.producerGroup,
  state: half.state,
  checks: half.checks,
  nextCheckAtMs: half.nextCheckAtMs,
  checkFailure: half.checkFailure,
  createdAtMs: half.createdAtMs,
  endedAtMs: half.endedAtMs,
  queueId: at?.queueId,
  offset: at?.offset,
});

interface HalfMessageAttributes {
  readonly sk: string;
  readonly s: keyof typeof STATES;
  readonly u: string;
  readonly n: string;
  readonly p: string;
  readonly f: Uint8Array | undefined;
  readonly m: string | undefined;
  readonly c: number;
  readonly nc: number | undefined;
  readonly w: string | undefined;
  readonly a: number | undefined;
  readonly ca: number;
  readonly ea: number | undefined;
  readonly q: number;
  readonly b: number;
  readonly i: Uint8Array | undefined;
}
