import { base64urlToNumber, numberToBase64url } from "../bytes/base64url.ts";
import { hash32 } from "../bytes/hash32.ts";
import { progressKey } from "../keys.ts";
import type { QueueBounds } from "../log/queue-reader.ts";
import type { Item } from "../ports/item-store.ts";
import { StoreCorrupt } from "../ports/store-failures.ts";
import { type Deferred, deferredOf } from "./deferred.ts";

/**
 * A group's progress on one queue: one item, with its attributes in brackets.
 *
 * An offset below `next` is in one place at most: open in a claim, deferred, or outside the item. All others below `next` are done
 * with: settled, expired, put aside, rejected by the filter, or skipped by a reset. A claim is three attributes under a four-letter id,
 * a free slot of the item: `f<id>` first offset, `m<id>` meta, `o<id>` the open offsets relative to f.
 *
 *   meta := nonce 10 · attempt 2 · due 7 · [bucket 3 · head 3] · [attempt tag 10 · repeat 1]      base64url digits
 *
 * The nonce is drawn by the receive that took the messages. No other receive has it, so nonce and offset name one delivery for ever.
 * Parts of a delivery may lie in several claims: a part that is extended or given back moves to its own claim, or to that of another
 * part that is due at the same time. A nonce that starts with `~` means that nobody holds the claim: it waits for its due time. The
 * other digits are those of the delivery that gave it back. An ordered claim holds messages of one bucket (a hash of their message
 * group). Its head is the offset, relative to f, whose attempts are counted. While the claim is open, the scan defers later messages of
 * the bucket (`deferred.ts`). A claim taken by a receive with an attemptId carries that attempt's tag (`attempt-tags.ts`) while it is
 * held. Each repeat of the attempt increments `repeat`. When acks empty a claim bit by bit, its f and m stay (an empty claim) until a
 * later receive sweeps them.
 *
 * Format 2 had a nonce of 6 digits and no tag: an attempt's nonce was a hash of its id.
 */
export interface Progress {
  /** [g] Counts resets. Handles of an older generation are void. */
  readonly generation: number;
  /** [n] The first offset that was not handed out yet. */
  readonly next: number;
  /** [nb] Base of a block at or before `next`. */
  readonly hint: number;
  /** [r] Messages outside this item: of claims moved out of it, and in backlogs (`backlog.ts`). */
  readonly messagesOut: number;
  /** [rd] No claim outside is due earlier. Without claims outside it means nothing. */
  readonly movedOutDueMs: number;
  /** [dl] Messages sent to the dead-letter topic. */
  readonly deadLettered: number;
  /** [ex] Messages that expired before they were settled. */
  readonly expired: number;
  /** [ur] Messages that could not be read and were put aside; absent before the first. */
  readonly unreadable: number;
  readonly claims: ReadonlyMap<string, Claim>;
  /** [k] Offsets below `next` that wait for their bucket. */
  readonly deferred: Deferred;
  /** [oc] Buckets whose claim is outside this item. */
  readonly bucketsOut: number;
  /** [bk] Buckets with a backlog outside this item, and no claim outside. */
  readonly backlogged: ReadonlySet<number>;
  /** [ov] Counts the moves of ordered messages out of this item or into it; absent before the first. */
  readonly moves: number | undefined;
  /** Ids of claims of which only f and m are left. */
  readonly emptyClaims: readonly string[];
  /** The item itself. Only the files that write it look inside: this one, `deferred.ts` and `progress-change.ts`. */
  readonly stored: Item;
}

export interface Claim {
  readonly id: string;
  readonly first: number;
  readonly nonce: string;
  /** Deliveries so far. The current one is included, unless its lease was set to end without counting. */
  readonly attempt: number;
  /** When the lease, or the wait after a nack, ends. */
  readonly dueMs: number;
  /** Relative to `first`, ascending. */
  readonly open: readonly number[];
  /** Only of an ordered claim. */
  readonly order?: ClaimOrder | undefined;
  /** Only of a claim that an attempt holds: its tag, and how often it was repeated. */
  readonly attemptTag?: string | undefined;
}

/** What is stored of a claim beside its offsets. */
export type ClaimMeta = Pick<Claim, "nonce" | "attempt" | "dueMs" | "order" | "attemptTag">;

export interface ClaimOrder {
  readonly bucket: number;
  /** The message, relative to `first`, whose attempts are counted. */
  readonly head: number;
}

export const NONCE_CHARS = 10;
/** In format 2. */
export const NONCE_CHARS_BEFORE = 6;
const ATTEMPT_DIGITS = 2;
const DUE_DIGITS = 7;
const ORDER_DIGITS = 3;
/** The most that messages of an ordered claim lie apart, because its head is stored relative to its first. */
export const CLAIM_SPAN = 64 ** ORDER_DIGITS;
/** Digits of an attempt's tag, without its count of repeats. */
export const ATTEMPT_TAG_CHARS = 10;
const REPEAT_DIGITS = 1;
/** Marks a claim that an attempt took in format 2, which has no tags. */
export const UNTAGGED = "";
const CLAIM_ATTRIBUTE_CHARS = 5;
const GIVEN_BACK = "~";

export const isGivenBack = (claim: Pick<Claim, "nonce">): boolean => claim.nonce.startsWith(GIVEN_BACK);

/** Whether no other receive has this nonce. */
export const isUniqueNonce = (nonce: string): boolean => nonce.length === NONCE_CHARS;

/** Buckets of message groups: 0 … BUCKETS − 1. */
export const BUCKETS = 2 ** 16;

export const metaOf = (claim: ClaimMeta): string => {
  const { order, attemptTag = "" } = claim;
  const bucket = order ? numberToBase64url(order.bucket, ORDER_DIGITS) + numberToBase64url(order.head, ORDER_DIGITS) : "";
  const [attempt, due] = [numberToBase64url(claim.attempt, ATTEMPT_DIGITS), numberToBase64url(claim.dueMs, DUE_DIGITS)];
  return claim.nonce + attempt + due + bucket + attemptTag;
};

/** The start of the meta: it names the delivery that holds the claim, however often its lease was changed. */
export const metaPrefix = ({ nonce, attempt }: Pick<Claim, "nonce" | "attempt">): string =>
  isUniqueNonce(nonce) ? nonce : nonce + numberToBase64url(attempt, ATTEMPT_DIGITS);

/** The nonce of a claim that the delivery with this nonce gave back: equal for every repeat, and different for every other delivery. */
export const givenBackNonce = (nonce: string, attempt: number): string =>
  isUniqueNonce(nonce)
    ? GIVEN_BACK + nonce.slice(1)
    : GIVEN_BACK + numberToBase64url(hash32(`${nonce}/${attempt}`) % 64 ** 5, NONCE_CHARS_BEFORE - 1);

/** The tag of the same attempt, repeated once more. */
export const repeatedTag = (tag: string): string => {
  const repeats = base64urlToNumber(tag.slice(ATTEMPT_TAG_CHARS));
  return tag.slice(0, ATTEMPT_TAG_CHARS) + numberToBase64url((repeats + 1) % 64 ** REPEAT_DIGITS, REPEAT_DIGITS);
};

/** A claim id for which `taken` is false, the same for the same seed. After a collision it hashes again. */
export function claimId(seed: string, taken: (id: string) => boolean): string {
  for (let round = 0; ; round++) {
    const id = numberToBase64url(hash32(`${seed}#${round}`) % 64 ** 4, 4);
    if (!taken(id)) return id;
  }
}

/** An id for a new claim of the item. `others`: ids of claims that the same write makes. */
export const freeClaimId = ({ claims, emptyClaims }: Progress, seed: string, others?: ReadonlySet<string>): string =>
  claimId(seed, (id) => claims.has(id) || emptyClaims.includes(id) || others?.has(id) === true);

/** Messages below `next` that are neither settled nor expired: held by consumers, waiting after a nack, deferred, or outside. */
function unsettledCount({ claims, deferred, messagesOut }: Progress): number {
  let count = messagesOut + deferred.offsets.length;
  for (const { open } of claims.values()) count += open.length;
  return count;
}

/** Whether messages are in a claim, deferred, or outside the item. */
export const isHolding = (progress: Progress): boolean => unsettledCount(progress) > 0;

/**
 * What of a queue a group has not settled, and how much of it was handed out. What has expired is not waiting; after total expiry both
 * bounds are the cap.
 */
export const unsettledIn = ({ minOffset, maxOffset }: QueueBounds, progress: Progress | undefined) => ({
  waiting: Math.max(0, maxOffset - Math.max(minOffset, progress?.next ?? 0)),
  inFlight: progress ? unsettledCount(progress) : 0,
});

export const freshProgress = (subscriptionUid: string, queueId: number, next: number, hint: number, generation = 0): Item => ({
  ...progressKey(subscriptionUid, queueId),
  g: generation,
  n: next,
  nb: hint,
  r: 0,
  dl: 0,
  ex: 0,
});

const NO_BUCKETS: ReadonlySet<number> = new Set();

// Items never change, so the decoded progress is kept with the item.
const parsed = new WeakMap<Item, Progress>();

export function progressOf(item: Item): Progress {
  const known = parsed.get(item);
  if (known) return known;
  const progress = parse(item);
  parsed.set(item, progress);
  return progress;
}

function parse(item: Item): Progress {
  const claims = new Map<string, Claim>();
  const emptyClaims: string[] = [];
  for (const name in item) {
    if (name.length !== CLAIM_ATTRIBUTE_CHARS || name.charAt(0) !== "m") continue;
    const id = name.slice(1);
    const open = item[`o${id}`] as ReadonlySet<number> | undefined;
    if (open) claims.set(id, claimOf(item, id, open));
    else emptyClaims.push(id);
  }
  return checked({
    generation: item.g as number,
    next: item.n as number,
    hint: item.nb as number,
    messagesOut: item.r as number,
    movedOutDueMs: (item.rd as number | undefined) ?? Number.MAX_SAFE_INTEGER,
    deadLettered: item.dl as number,
    expired: item.ex as number,
    unreadable: (item.ur as number | undefined) ?? 0,
    claims,
    deferred: deferredOf(item),
    bucketsOut: (item.oc as number | undefined) ?? 0,
    backlogged: (item.bk as ReadonlySet<number> | undefined) ?? NO_BUCKETS,
    moves: item.ov as number | undefined,
    emptyClaims,
    stored: item,
  });
}

/** Checks what every write must preserve. Errors: `StoreCorrupt`. */
function checked(progress: Progress): Progress {
  const { next, messagesOut, bucketsOut, claims, deferred, stored } = progress;
  const broken = (what: string) => new StoreCorrupt(`progress ${stored.pk} ${what}`, { key: { pk: stored.pk, sk: stored.sk } });
  if (messagesOut < 0 || bucketsOut < 0) throw broken("counts less than nothing outside it");
  if ((deferred.offsets.at(-1) ?? -1) >= next) throw broken("has deferred what was not met yet");
  for (const { id, first, open } of claims.values())
    if (first + (open.at(-1) ?? 0) >= next) throw broken(`has a claim ${id} on what was not handed out yet`);
  const twice = openTwice(progress);
  if (twice !== undefined) throw broken(`has offset ${twice} open twice`);
  return progress;
}

/** An offset that two claims hold open, or that is deferred beside a claim. Looks closely only where they reach into each other. */
function openTwice({ claims, deferred }: Progress): number | undefined {
  const deferring = { first: 0, open: deferred.offsets };
  const all = [...claims.values(), deferring].filter(({ open }) => open.length > 0);
  const starts = (one: Pick<Claim, "first" | "open">): number => one.first + (one.open[0] as number);
  all.sort((one, other) => starts(one) - starts(other));
  const met = new Set<number>();
  let before: (typeof all)[number] | undefined;
  let reach = -1;
  for (const one of all) {
    if (starts(one) > reach) met.clear();
    else {
      for (const relative of before?.open ?? []) met.add((before?.first ?? 0) + relative);
      for (const relative of one.open) if (met.has(one.first + relative)) return one.first + relative;
    }
    before = one;
    reach = Math.max(reach, one.first + (one.open.at(-1) as number));
  }
  return undefined;
}

/** They nearly always are already: then sorting them would cost more than all the rest of the claim. */
function ascending(offsets: ReadonlySet<number>): readonly number[] {
  const list = [...offsets];
  return list.every((offset, index) => index === 0 || offset > (list[index - 1] as number)) ? list : list.sort((a, b) => a - b);
}

/** By the length of a meta: the length of its nonce, and the fields that follow the due time. */
const META_LAYOUTS = new Map(
  [NONCE_CHARS_BEFORE, NONCE_CHARS].flatMap((nonceChars) =>
    [false, true].flatMap((ordered) =>
      [false, true].map((tagged) => {
        const dueEnd = nonceChars + ATTEMPT_DIGITS + DUE_DIGITS;
        const orderEnd = dueEnd + (ordered ? 2 * ORDER_DIGITS : 0);
        const chars = orderEnd + (tagged ? ATTEMPT_TAG_CHARS + REPEAT_DIGITS : 0);
        return [chars, { nonceChars, dueEnd, ordered, orderEnd, tagged }] as const;
      }),
    ),
  ),
);

function claimOf(item: Item, id: string, open: ReadonlySet<number>): Claim {
  const meta = item[`m${id}`] as string;
  const first = item[`f${id}`];
  const layout = META_LAYOUTS.get(meta.length);
  if (typeof first !== "number" || !layout) throw new StoreCorrupt(`claim ${id} of ${item.pk} is malformed`);
  const { nonceChars, dueEnd, ordered, orderEnd, tagged } = layout;
  const attemptEnd = nonceChars + ATTEMPT_DIGITS;
  return {
    id,
    first,
    nonce: meta.slice(0, nonceChars),
    attempt: base64urlToNumber(meta.slice(nonceChars, attemptEnd)),
    dueMs: base64urlToNumber(meta.slice(attemptEnd, dueEnd)),
    open: ascending(open),
    order: ordered
      ? {
          bucket: base64urlToNumber(meta.slice(dueEnd, dueEnd + ORDER_DIGITS)),
          head: base64urlToNumber(meta.slice(dueEnd + ORDER_DIGITS, orderEnd)),
        }
      : undefined,
    attemptTag: tagged ? meta.slice(orderEnd) : undefined,
  };
}
