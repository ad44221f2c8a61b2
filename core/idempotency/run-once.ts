import { BrokerError } from "../errors.ts";
import { knownRequestKey } from "../keys.ts";
import { KEPT_REPLY_BYTES_MAX } from "../limits.ts";
import { StoreUnavailable } from "../ports/store-failures.ts";
import { repeatUnknown } from "../store/repeat-unknown.ts";
import type { StoreDependencies } from "../store/store-dependencies.ts";
import { claimRequest } from "./claim-request.ts";
import { endedWith, type KeyedRequest, type KnownRequest, knownRequestOf, OPENED, ownedBy } from "./known-request.ts";

/** The work of a request, and how its result is kept. It must be safe to run again: a handler may die before it has kept the result. */
export interface KeyedWork<T> {
  run(): Promise<T>;
  /** False: a part of it failed, and a repeat may mend that. */
  isFinal(result: T): boolean;
  /** `undefined`: it cannot be kept. */
  encode(result: T): Uint8Array | undefined;
  decode(reply: Uint8Array): T;
  /** Absent: if a result is too large to keep, a repeat runs again. */
  readonly outlines?: Outlines<T> | undefined;
}

/** The outline from which a result that is too large to keep can be made again. */
export interface Outlines<T> {
  of(result: T): Uint8Array;
  restore(outline: Uint8Array): Promise<T>;
}

export interface KeyedResult<T> {
  readonly result: T;
  /** The result is that of an earlier request. */
  readonly replayed: boolean;
}

/**
 * Runs `work`, or answers the kept result of the same request. At most one runs at a time, unless one takes longer than
 * REQUEST_RUN_MS_MAX. Failures are not kept: a failure that changed nothing leaves no trace; after any other, only the same request can
 * be repeated.
 *
 * Limit: results up to KEPT_REPLY_BYTES_MAX are kept, for IDEMPOTENCY_WINDOW_MS; of larger ones their outline.
 * Errors: REQUEST_IN_PROGRESS, IDEMPOTENCY_KEY_REUSED, and those of `work`.
 */
export async function runOnce<T>(store: StoreDependencies, request: KeyedRequest, work: KeyedWork<T>): Promise<KeyedResult<T>> {
  const claim = await claimRequest(store, request);
  if (claim.status === "done") return { result: (await kept(claim.known, work)) ?? (await work.run()), replayed: true };
  const { owner, isFirst } = claim;
  let result: T;
  try {
    result = await work.run();
  } catch (error) {
    // If an earlier run may have changed something, a different request under the key must still be recognised.
    if (isFirst && changedNothing(error)) await forget(store, request, owner);
    else await reopen(store, request, owner);
    throw error;
  }
  if (!work.isFinal(result)) {
    await reopen(store, request, owner);
    return { result, replayed: false };
  }
  const other = await keep(store, request, owner, keptOf(work, result));
  const earlier = other && (await kept(other, work));
  return earlier === undefined ? { result, replayed: false } : { result: earlier, replayed: true };
}

/** The kept part of a result. */
type Kept = Pick<KnownRequest, "reply" | "outline">;

/** The kept result of a request; `undefined`: it could not be kept. */
async function kept<T>({ reply, outline }: Kept, { decode, outlines }: KeyedWork<T>): Promise<T | undefined> {
  if (reply) return decode(reply);
  return outline && outlines?.restore(outline);
}

function keptOf<T>(work: KeyedWork<T>, result: T): Kept {
  const reply = work.encode(result);
  if (reply && reply.length <= KEPT_REPLY_BYTES_MAX) return { reply, outline: undefined };
  return { reply: undefined, outline: work.outlines?.of(result) };
}

const changedNothing = (error: unknown): boolean => BrokerError.is(error) && error.effect === "none";

/** Keeps the result. Answers that of another owner that took over and was faster: the kept result is the answer. */
async function keep(
  store: StoreDependencies,
  request: KeyedRequest,
  owner: string,
  result: Kept,
): Promise<KnownRequest | undefined> {
  const changes = endedWith(result);
  try {
    const key = knownRequestKey(request.id);
    const written = await repeatUnknown(store, () => store.items.update(key, changes, { when: ownedBy(owner) }));
    if (written.ok || !written.current) return undefined;
    const other = knownRequestOf(written.current);
    return other.state === "done" && other.fingerprint === request.fingerprint ? other : undefined;
  } catch (error) {
    // The work is done, and the caller can be told. A repeat runs again after the deadline.
    if (StoreUnavailable.is(error)) return undefined;
    throw error;
  }
}

const forget = (store: StoreDependencies, request: KeyedRequest, owner: string): Promise<void> =>
  letGo(() => store.items.delete(knownRequestKey(request.id), { when: ownedBy(owner) }));

const reopen = (store: StoreDependencies, request: KeyedRequest, owner: string): Promise<void> =>
  letGo(() => store.items.update(knownRequestKey(request.id), OPENED, { when: ownedBy(owner) }));

/** Releases a request before its deadline. If that fails, the answer is still the error of the request. */
async function letGo(write: () => Promise<unknown>): Promise<void> {
  try {
    await write();
  } catch (error) {
    if (!StoreUnavailable.is(error)) throw error;
  }
}
