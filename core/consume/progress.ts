import { base64urlToNumber, numberToBase64url } from "../bytes/base64url.ts";
import { hash32 } from "../bytes/hash32.ts";
import { progressKey } from "../keys.ts";
import type { Condition, Item } from "../ports/item-store.ts";
import { StoreCorrupt } from "../ports/store-failures.ts";
import { type Parked, parkedOf } from "./parked.ts";

/**
 * A group's progress on one queue: one item, the attributes in brackets.
 *
 * Every offset below `next` is settled, expired, or open in exactly one claim. A claim is three attributes under a four-letter
 * id: `f<id>` first offset, `m<id>` meta (nonce 6, attempt 2, due 7 base64url digits), `o<id>` the open offsets relative to f.
 * An ordered claim holds messages of one bucket (a hash of their message group) and its meta goes on with bucket 3 and head 3:
 * the offset, relative to f, that the attempts are counted for. While it is open, later messages of the bucket met on the way
 * are parked (`parked.ts`).
 * A nonce that starts with `~` says nobody holds the claim: it was given back and waits for its due time. When acks empty a
 * claim bit by bit, its f and m stay behind (a husk) until a later reserve sweeps them.
 */
export interface Progress {
  /** [g] Counts resets; what an older generation handed out is void. */
  readonly generation: number;
  /** [n] First offset not handed out yet. */
  readonly next: number;
  /** [nb] Base of a block at or before `next`. */
  readonly hint: number;
  /** [r] Messages outside this item: of claims moved out of it, and in backlogs (`backlog.ts`). */
  readonly spilled: number;
  /** [rd] None of the claims among them is due before; meaningless where there are none. */
  readonly spilledDueMs: number;
  /** [dl] Messages sent to the dead-letter topic. */
  readonly deadLettered: number;
  /** [ex] Messages that expired before they were settled. */
  readonly expired: number;
  readonly claims: ReadonlyMap<string, Claim>;
  /** [k] Offsets below `next` that wait for their bucket. */
  readonly parked: Parked;
  /** [oc] Buckets whose claim is outside this item. */
  readonly bucketsOut: number;
  /** [bk] Buckets with a backlog outside this item, and no claim outside. */
  readonly backlogged: ReadonlySet<number>;
  /** [ov] Counts what moved out of this item or into it in an order of message groups; absent where nothing has. */
  readonly moves: number | undefined;
  /** Ids of claims that only left f and m. */
  readonly husks: readonly string[];
}

export interface Claim {
  readonly id: string;
  readonly first: number;
  readonly nonce: string;
  /** Deliveries so far, the current one included. */
  readonly attempt: number;
  /** When the lease, or the wait after a nack, ends. */
  readonly dueMs: number;
  /** Relative to `first`, ascending. */
  readonly open: readonly number[];
  /** Of an ordered claim. */
  readonly order?: ClaimOrder | undefined;
}

export interface ClaimOrder {
  readonly bucket: number;
  /** The message, relative to `first`, that the attempts are those of. */
  readonly head: number;
}

export const NONCE_CHARS = 6;
const ATTEMPT_DIGITS = 2;
const DUE_DIGITS = 7;
const ORDER_DIGITS = 3;
/** Messages of an ordered claim lie no further apart: its head is counted from its first. */
export const CLAIM_SPAN = 64 ** ORDER_DIGITS;
const CLAIM_ATTRIBUTE_CHARS = 5;
const META_CHARS = NONCE_CHARS + ATTEMPT_DIGITS + DUE_DIGITS;
const GIVEN_BACK = "~";

export const isGivenBack = (claim: Pick<Claim, "nonce">): boolean => claim.nonce.startsWith(GIVEN_BACK);

/** Buckets of message groups: 0 … BUCKETS − 1. */
export const BUCKETS = 2 ** 16;

export const metaOf = (claim: Pick<Claim, "nonce" | "attempt" | "dueMs" | "order">): string => {
  const meta = metaPrefix(claim) + numberToBase64url(claim.dueMs, DUE_DIGITS);
  const { order } = claim;
  return order ? meta + numberToBase64url(order.bucket, ORDER_DIGITS) + numberToBase64url(order.head, ORDER_DIGITS) : meta;
};

/** What a settle must find at the start of the meta: the same delivery, however often its lease was extended. */
export const metaPrefix = (claim: Pick<Claim, "nonce" | "attempt">): string =>
  claim.nonce + numberToBase64url(claim.attempt, ATTEMPT_DIGITS);

/** The claim exactly as it was read or handed out. */
export const exactClaim = (
  generation: number,
  claim: Pick<Claim, "id" | "first" | "nonce" | "attempt" | "dueMs" | "order">,
): readonly Condition[] => [
  { op: "=", name: "g", value: generation },
  { op: "=", name: `f${claim.id}`, value: claim.first },
  { op: "=", name: `m${claim.id}`, value: metaOf(claim) },
];

/** The nonce of a claim given back by a nack of `nonce`: the same for every repeat of that nack. */
export const givenBackNonce = (nonce: string, attempt: number): string =>
  GIVEN_BACK + numberToBase64url(hash32(`${nonce}/${attempt}`) % 64 ** 5, NONCE_CHARS - 1);

/** A claim id that `taken` does not hold, the same for the same seed: collisions hash again. */
export function claimId(seed: string, taken: (id: string) => boolean): string {
  for (let round = 0; ; round++) {
    const id = numberToBase64url(hash32(`${seed}#${round}`) % 64 ** 4, 4);
    if (!taken(id)) return id;
  }
}

/** Messages below `next` that are neither settled nor expired: out with consumers, waiting after a nack, or parked. */
export function unsettledCount({ claims, parked, spilled }: Progress): number {
  let count = spilled + parked.offsets.length;
  for (const { open } of claims.values()) count += open.length;
  return count;
}

export const freshProgress = (subscriptionUid: string, queueId: number, next: number, hint: number): Item => ({
  ...progressKey(subscriptionUid, queueId),
  g: 0,
  n: next,
  nb: hint,
  r: 0,
  dl: 0,
  ex: 0,
});

const NO_BUCKETS: ReadonlySet<number> = new Set();

// Items never change, so what was read from one is kept with it.
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
  const husks: string[] = [];
  for (const name in item) {
    if (name.length !== CLAIM_ATTRIBUTE_CHARS || name.charAt(0) !== "m") continue;
    const id = name.slice(1);
    const open = item[`o${id}`] as ReadonlySet<number> | undefined;
    if (open) claims.set(id, claimOf(item, id, open));
    else husks.push(id);
  }
  return {
    generation: item.g as number,
    next: item.n as number,
    hint: item.nb as number,
    spilled: item.r as number,
    spilledDueMs: (item.rd as number | undefined) ?? Number.MAX_SAFE_INTEGER,
    deadLettered: item.dl as number,
    expired: item.ex as number,
    claims,
    parked: parkedOf(item),
    bucketsOut: (item.oc as number | undefined) ?? 0,
    backlogged: (item.bk as ReadonlySet<number> | undefined) ?? NO_BUCKETS,
    moves: item.ov as number | undefined,
    husks,
  };
}

/** They nearly always are already: then sorting them would cost more than all the rest of the claim. */
function ascending(offsets: ReadonlySet<number>): readonly number[] {
  const list = [...offsets];
  return list.every((offset, index) => index === 0 || offset > (list[index - 1] as number)) ? list : list.sort((a, b) => a - b);
}

function claimOf(item: Item, id: string, open: ReadonlySet<number>): Claim {
  const meta = item[`m${id}`] as string;
  const first = item[`f${id}`];
  const ordered = meta.length === META_CHARS + 2 * ORDER_DIGITS;
  if (typeof first !== "number" || (meta.length !== META_CHARS && !ordered)) {
    throw new StoreCorrupt(`claim ${id} of ${item.pk} is malformed`);
  }
  return {
    id,
    first,
    nonce: meta.slice(0, NONCE_CHARS),
    attempt: base64urlToNumber(meta.slice(NONCE_CHARS, NONCE_CHARS + ATTEMPT_DIGITS)),
    dueMs: base64urlToNumber(meta.slice(NONCE_CHARS + ATTEMPT_DIGITS, META_CHARS)),
    open: ascending(open),
    order: ordered
      ? {
          bucket: base64urlToNumber(meta.slice(META_CHARS, META_CHARS + ORDER_DIGITS)),
          head: base64urlToNumber(meta.slice(META_CHARS + ORDER_DIGITS)),
        }
      : undefined,
  };
}
