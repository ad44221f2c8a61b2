import { toBase64url } from "../bytes/base64url.ts";
import { BrokerError } from "../errors.ts";
import type { Condition, Item } from "../ports/item-store.ts";
import { StoreUnavailable } from "../ports/store-failures.ts";
import { repeatUnknown } from "../store/repeat-unknown.ts";
import type { StoreDependencies } from "../store/store-dependencies.ts";
import { isAsMet, type KeyedRequest, type KnownRequest, knownRequestOf, runningItem } from "./known-request.ts";

export type RequestClaim =
  /** `first`: it was not run before, as far as is known. */
  | { readonly status: "claimed"; readonly owner: string; readonly isFirst: boolean }
  | { readonly status: "done"; readonly known: KnownRequest };

const OWNER_BYTES = 9;
/** Rounds of a claim. Each failed one lost to a process that took or ended the same request. */
const ROUNDS_MAX = 4;

const ABSENT: readonly Condition[] = [{ op: "absent", name: "pk" }];

/**
 * Makes the caller the owner that runs the request, unless it ran before. Idempotent: the owner's token shows the outcome of a lost
 * reply.
 * Errors: REQUEST_IN_PROGRESS, IDEMPOTENCY_KEY_REUSED; `StoreUnavailable`, never with an unknown outcome, because nothing ran.
 */
export async function claimRequest(store: StoreDependencies, request: KeyedRequest): Promise<RequestClaim> {
  const owner = toBase64url(store.random.bytes(OWNER_BYTES));
  let when = ABSENT;
  let isFirst = true;
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const nowMs = store.clock.nowMs();
    const result = await putClaim(store, runningItem(request, owner, nowMs), when);
    const known = result.ok || !result.current ? undefined : knownRequestOf(result.current);
    if (result.ok || known?.owner === owner) return { status: "claimed", owner, isFirst };
    when = known ? isAsMet(known) : ABSENT;
    isFirst = !known || known.expiresAtMs <= nowMs;
    if (!known || isFirst) continue;
    if (known.fingerprint !== request.fingerprint) throw keyReused();
    if (known.state === "done") return { status: "done", known };
    if (known.state === "running" && known.deadlineMs > nowMs) throw inProgress();
  }
  throw inProgress();
}

async function putClaim(store: StoreDependencies, item: Item, when: readonly Condition[]) {
  try {
    return await repeatUnknown(store, () => store.items.put(item, { when }));
  } catch (error) {
    if (!StoreUnavailable.is(error)) throw error;
    throw new StoreUnavailable("not-applied", error.reason, error.message, { cause: error });
  }
}

const keyReused = (): BrokerError =>
  new BrokerError(
    "IDEMPOTENCY_KEY_REUSED",
    "This Idempotency-Key came with another request before. Repeat that one as it was, or use a new key.",
  );

const inProgress = (): BrokerError =>
  new BrokerError(
    "REQUEST_IN_PROGRESS",
    "The first request with this Idempotency-Key has not ended. Repeat it for its answer after Retry-After.",
  );
