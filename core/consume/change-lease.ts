import { SETTLE_ROUNDS_MAX } from "../limits.ts";
import type { Change, Condition, Item } from "../ports/item-store.ts";
import type { ConsumedQueue, Consumption } from "./consumption.ts";
import { heldClaim } from "./held-claim.ts";
import { type Claim, claimId, exactClaim, givenBackNonce, metaOf, progressOf } from "./progress.ts";
import type { ReceiptHandle } from "./receipt-handle.ts";
import { repeatUnknown } from "./repeat-unknown.ts";

/** What becomes of messages that stay with the group. */
export type LeaseChange =
  | { readonly kind: "extend"; readonly dueMs: number }
  /** `countAttempt` false: this delivery does not count. */
  | { readonly kind: "giveBack"; readonly dueMs: number; readonly countAttempt: boolean };

/** Where an offset is now: the claim after the change, or lost. */
export type Changed = Pick<Claim, "id" | "nonce" | "attempt" | "dueMs" | "order"> & { readonly handedOut: number };

/**
 * Extends, or gives back, messages of one delivery. All that the delivery handed out change in place; a part moves to a claim of
 * its own in the same update. What the claim becomes follows from the handle, so that a repeat after a lost reply finds its own
 * work done. An extend never shortens. An ordered claim is never split: it changes whole, whatever part is named.
 */
export async function changeLease(
  consumption: Consumption,
  queue: Pick<ConsumedQueue, "subscription" | "queueId">,
  handles: readonly ReceiptHandle[],
  change: LeaseChange,
): Promise<ReadonlyMap<ReceiptHandle, Changed | "lost">> {
  const [first] = handles;
  const answers = new Map<ReceiptHandle, Changed | "lost">();
  if (!first) return answers;
  const seen = consumption.progress.recent(queue.subscription.uid, queue.queueId);
  let claim: Claim | undefined = seen && heldClaim(progressOf(seen), first);
  let item: Item | undefined = claim && seen;
  // Unread, the claim is taken to be as the handle has it; but which message the attempts of an ordered one count for must be read.
  if (!claim && first.order) {
    item = await consumption.progress.read(queue.subscription.uid, queue.queueId);
    claim = item && heldClaim(progressOf(item), first);
  } else claim ??= claimOfHandle(first, handles);
  for (let round = 0; round < SETTLE_ROUNDS_MAX; round++) {
    const open: ReceiptHandle[] = [];
    for (const handle of handles) {
      if (claim?.open.includes(handle.relativeOffset)) open.push(handle);
      else if (!answers.has(handle)) answers.set(handle, (item && doneBefore(item, first, handles, handle, change)) ?? "lost");
    }
    if (!claim || open.length === 0) return answers;
    const update = leaseUpdate(first, claim, handles, open, change);
    const result = await repeatUnknown(consumption, () =>
      consumption.progress.update(queue.subscription.uid, queue.queueId, { ...update, returning: "allNew" }),
    );
    if (result.ok) {
      for (const handle of open) answers.set(handle, update.changed);
      return answers;
    }
    item = result.current;
    claim = item && heldClaim(progressOf(item), first);
  }
  for (const handle of handles) if (!answers.has(handle)) answers.set(handle, "lost");
  return answers;
}

const claimOfHandle = (first: ReceiptHandle, handles: readonly ReceiptHandle[]): Claim => ({
  id: first.claimId,
  first: first.first,
  nonce: first.nonce,
  attempt: first.attempt,
  dueMs: first.leaseUntilMs,
  open: handles.map(({ relativeOffset }) => relativeOffset),
  order: first.order,
});

function leaseUpdate(
  first: ReceiptHandle,
  claim: Claim,
  handles: readonly ReceiptHandle[],
  open: readonly ReceiptHandle[],
  change: LeaseChange,
) {
  const whole = isWhole(handles);
  const id = whole ? claim.id : partId(first, handles, change);
  const changed: Changed = {
    id,
    ...changedMeta(first, claim, open, change),
    handedOut: whole ? handedOutOf(handles) : open.length,
  };
  const exact = exactClaim(first.generation, claim);
  if (whole) {
    const when: Condition[] = [...exact, ...(claim.order ? [openAsRead(claim)] : open.map((handle) => contains(claim, handle)))];
    return { changed, when, changes: [{ op: "set", name: `m${id}`, value: metaOf(changed) }] satisfies Change[] };
  }
  const part = new Set(open.map(({ relativeOffset }) => relativeOffset));
  const changes: Change[] = [
    { op: "set", name: `f${id}`, value: claim.first },
    { op: "set", name: `m${id}`, value: metaOf(changed) },
    { op: "set", name: `o${id}`, value: part },
    { op: "deleteFromSet", name: `o${claim.id}`, values: part },
  ];
  return {
    changed,
    changes,
    when: [...exact, ...open.map((handle) => contains(claim, handle)), { op: "absent", name: `f${id}` }] satisfies Condition[],
  };
}

/** After a lost reply: the change is there already. */
function doneBefore(
  item: Item,
  first: ReceiptHandle,
  handles: readonly ReceiptHandle[],
  handle: ReceiptHandle,
  change: LeaseChange,
): Changed | undefined {
  const id = isWhole(handles) ? first.claimId : partId(first, handles, change);
  const progress = progressOf(item);
  // After a reset the same attempt may hold the same message anew, by another handle.
  if (progress.generation !== first.generation) return undefined;
  const claim = progress.claims.get(id);
  if (!claim || claim.first !== first.first || !claim.open.includes(handle.relativeOffset)) return undefined;
  const { nonce, attempt } = changedMeta(first, claim, [handle], change);
  // What an ordered claim's attempts count for may have moved with the change itself.
  if (claim.nonce !== nonce || (!claim.order && claim.attempt !== attempt)) return undefined;
  return { id, nonce, attempt, dueMs: claim.dueMs, handedOut: isWhole(handles) ? handedOutOf(handles) : claim.open.length };
}

function changedMeta(
  first: ReceiptHandle,
  claim: Pick<Claim, "dueMs" | "open" | "order">,
  named: readonly ReceiptHandle[],
  change: LeaseChange,
): Pick<Claim, "nonce" | "attempt" | "dueMs" | "order"> {
  const { order } = claim;
  if (change.kind === "extend")
    return { nonce: first.nonce, attempt: first.attempt, dueMs: Math.max(claim.dueMs, change.dueMs), order };
  const head = claim.open[0] ?? 0;
  const moved = order !== undefined && order.head !== head && named.some(({ relativeOffset }) => relativeOffset === head);
  // Those before it are acked: this delivery was the first attempt of what is now the head.
  const attempts = moved ? 1 : first.attempt;
  return {
    nonce: givenBackNonce(first.nonce, first.attempt),
    attempt: change.countAttempt ? attempts : attempts - 1,
    dueMs: change.dueMs,
    order: moved ? { bucket: order.bucket, head } : order,
  };
}

/** A repeated receive hands out what is still open, so handles of one delivery may differ in this: only the largest covers them all. */
const handedOutOf = (handles: readonly ReceiptHandle[]): number => Math.max(...handles.map(({ handedOut }) => handedOut));

const isWhole = (handles: readonly ReceiptHandle[]): boolean =>
  handles[0]?.order !== undefined || new Set(handles.map(({ relativeOffset }) => relativeOffset)).size >= handedOutOf(handles);

/** The same part of the same delivery always moves to the same claim. */
function partId(first: ReceiptHandle, handles: readonly ReceiptHandle[], change: LeaseChange): string {
  const offsets = handles.map(({ relativeOffset }) => relativeOffset).join(".");
  const seed = `${change.kind}/${first.claimId}/${first.first}/${first.nonce}/${first.attempt}/${offsets}`;
  return claimId(seed, (id) => id === first.claimId);
}

/** An ordered claim's attempts count for its first open message: an ack in between moves it. */
const openAsRead = (claim: Claim): Condition => ({ op: "=", name: `o${claim.id}`, value: new Set(claim.open) });

const contains = (claim: Claim, handle: ReceiptHandle): Condition => ({
  op: "contains",
  name: `o${claim.id}`,
  value: handle.relativeOffset,
});
