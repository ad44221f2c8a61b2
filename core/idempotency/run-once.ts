import { BrokerError } from "../errors.ts";
import { knownRequestKey } from "../keys.ts";
import { KEPT_REPLY_BYTES_MAX } from "../limits.ts";
import { StoreUnavailable } from "../ports/store-failures.ts";
import { repeatUnknown } from "../store/repeat-unknown.ts";
import type { StoreDependencies } from "../store/store-dependencies.ts";
import { claimRequest } from "./claim-request.ts";
import { endedWith, type KeyedRequest, type KnownRequest, knownRequestOf, OPENED, ownedBy } from "./known-request.ts";

/** What a request does, and how its result is kept. It must be safe to run again: a handler may die before it has kept the result. */
export interface KeyedWork<T> {
  run(): Promise<T>;
  /** False: part of it failed, and a repeat may mend that. */
  isFinal(result: T): boolean;
  /** `undefined`: it cannot be kept. */
  encode(result: T): Uint8Array | undefined;
  decode(reply: Uint8Array): T;
  /** Absent: where a result is too large to keep, a repeat is answered by running again. */
  readonly outlines?: Outlines<T> | undefined;
}

/** What a result can be made of again that is too large to keep. */
export interface Outlines<T> {
  of(result: T): Uint8Array;
  restore(outline: Uint8Array): Promise<T>;
}

export interface KeyedResult<T> {
  readonly result: T;
  /** It is that of an earlier request. */
  readonly replayed: boolean;
}

/**
 * Runs `work`, or answers with the result of the same request before. At most one runs at a time, unless one takes longer than
 * REQUEST_RUN_MS_MAX. What fails is not kept: a failure that changed nothing leaves no trace, any other can be repeated by
 * the same request alone.
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
    // Where an earlier run may have changed something, that it was another request must still be told.
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

/** Of a result, what is kept. */
type Kept = Pick<KnownRequest, "reply" | "outline">;

/** The result that is known of a request; `undefined`: it could not be kept. */
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

/** Keeps the result. Answers that of another owner, who took over and was faster: what is kept is the answer. */
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
    // It is done, and the caller can be told. A repeat runs again after the deadline.
    if (StoreUnavailable.is(error)) return undefined;
    throw error;
  }
}

const forget = (store: StoreDependencies, request: KeyedRequest, owner: string): Promise<void> =>
  letGo(() => store.items.delete(knownRequestKey(request.id), { when: ownedBy(owner) }));

const reopen = (store: StoreDependencies, request: KeyedRequest, owner: string): Promise<void> =>
  letGo(() => store.items.update(knownRequestKey(request.id), OPENED, { when: ownedBy(owner) }));

/** Lets a request go before its deadline would: the error that it failed with is the answer, whatever comes of this. */
async function letGo(write: () => Promise<unknown>): Promise<void> {
  try {
    await write();
  } catch (error) {
    if (!StoreUnavailable.is(error)) throw error;
  }
}
