import { PARTS_TOGETHER_MS_MAX, PARTS_TOGETHER_SHARE, SETTLE_ROUNDS_MAX } from "../limits.ts";
import type { Change, Condition, Item } from "../ports/item-store.ts";
import type { ConsumedQueue, Consumption } from "./consumption.ts";
import { givenBackClaim, heldClaim } from "./held-claim.ts";
import {
  type Claim,
  type ClaimMeta,
  claimId,
  exactClaim,
  givenBackNonce,
  metaOf,
  openAsRead,
  type Progress,
  progressOf,
} from "./progress.ts";
import type { ReceiptHandle } from "./receipt-handle.ts";
import { repeatUnknown } from "./repeat-unknown.ts";
import { waitsOutside } from "./waits-outside.ts";

/** What becomes of messages that stay with the group. */
export type LeaseChange =
  | { readonly kind: "extend"; readonly leaseMs: number }
  /** `countAttempt` false: this delivery does not count. */
  | { readonly kind: "giveBack"; readonly delayMs: number; readonly countAttempt: boolean };

/** Where a message is after the change. */
export type Changed = Pick<Claim, "id" | "dueMs">;

/** A handle, or a message that was taken and not handed out: that is given back only if no repeat of its attempt handed it out. */
export type Named = Omit<ReceiptHandle, "offsets"> & { readonly attemptTag?: string | undefined };

type Queue = Pick<ConsumedQueue, "subscription" | "queueId">;

/** Messages of one claim that change together. */
interface Target<H extends Named> {
  readonly claim: Claim;
  readonly named: readonly H[];
  /** Absent: the claim was not read, and is taken to be as the handles have it. */
  readonly item: Item | undefined;
}

/**
 * Extends, or gives back, messages of one delivery, each in the claim that holds it now. All open messages of a claim change in
 * place; a part moves to a claim of its own in the same update, or to that of another part of the delivery that is due at the
 * same time. An ordered claim is never split: it changes whole, whatever part is named. An extend never shortens.
 *
 * Every update wants the claim as it was read, and may be repeated: after a lost reply an extend finds the message where it moved
 * it, under a lease that is long enough, and a nack finds it given back by this delivery.
 */
export async function changeLease<H extends Named>(
  consumption: Consumption,
  queue: Queue,
  handles: readonly H[],
  change: LeaseChange,
): Promise<ReadonlyMap<H, Changed | "lost">> {
  const answers = new Map<H, Changed | "lost">();
  const read = () => consumption.progress.read(queue.subscription.uid, queue.queueId);
  let target = firstTarget(consumption, queue, handles);
  let item = target?.item;
  for (let round = 0; round < SETTLE_ROUNDS_MAX && answers.size < handles.length; round++) {
    if (!target) {
      item ??= await read();
      await answerLost(consumption, queue, item, { handles, change, answers });
      target = item && heldTogether(item, handles, answers);
      if (!target) break;
    }
    const update = leaseUpdate(target, change, consumption.clock.nowMs());
    const result = await repeatUnknown(consumption, () =>
      consumption.progress.update(queue.subscription.uid, queue.queueId, { ...update, returning: "allNew" }),
    );
    if (result.ok) for (const handle of target.named) answers.set(handle, update.changed);
    item = result.ok ? result.item : result.current;
    target = undefined;
    if (!item) break;
  }
  for (const handle of handles) if (!answers.has(handle)) answers.set(handle, "lost");
  return answers;
}

/** On an image that is at hand, or else unread. Which message an ordered claim's attempts count for, and an attempt's tag, must be read. */
function firstTarget<H extends Named>(consumption: Consumption, queue: Queue, handles: readonly H[]): Target<H> | undefined {
  const [first] = handles;
  if (!first) return undefined;
  const seen = consumption.progress.recent(queue.subscription.uid, queue.queueId);
  const held = seen && heldTogether(seen, handles, new Map());
  if (held || first.order || first.tagged) return held;
  const claim: Claim = {
    id: first.claimId,
    first: first.first,
    nonce: first.nonce,
    attempt: first.attempt,
    dueMs: first.leaseUntilMs,
    open: [...offsetsOf(handles)].sort((a, b) => a - b),
  };
  return { claim, named: handles.filter(({ claimId: id }) => id === first.claimId), item: undefined };
}

/** Those of the handles without an answer that are held in one claim. */
function heldTogether<H extends Named>(
  item: Item,
  handles: readonly H[],
  answers: ReadonlyMap<H, unknown>,
): Target<H> | undefined {
  const progress = progressOf(item);
  let claim: Claim | undefined;
  const named = handles.filter((handle) => {
    const held = answers.has(handle) ? undefined : heldClaim(progress, handle);
    claim ??= held;
    return held !== undefined && held === claim;
  });
  return claim && { claim, named, item };
}

/** Of those that this delivery holds no more: given back by it already, or lost. */
async function answerLost<H extends Named>(
  consumption: Consumption,
  queue: Queue,
  item: Item | undefined,
  asked: { readonly handles: readonly H[]; readonly change: LeaseChange; readonly answers: Map<H, Changed | "lost"> },
): Promise<void> {
  const progress = item && progressOf(item);
  for (const handle of asked.handles) {
    if (asked.answers.has(handle) || (progress && heldClaim(progress, handle))) continue;
    const givenBack =
      asked.change.kind === "giveBack" && progress && (await givenBackBefore(consumption, queue, progress, handle));
    asked.answers.set(handle, givenBack || "lost");
  }
}

/** Where a message waits that this delivery gave back: while its lease runs nobody else can have brought it outside. */
async function givenBackBefore(
  consumption: Consumption,
  queue: Queue,
  progress: Progress,
  handle: Named,
): Promise<Changed | undefined> {
  const inside = givenBackClaim(progress, handle);
  if (inside || progress.spilled === 0 || progress.generation !== handle.generation) return inside;
  const offset = handle.first + handle.relativeOffset;
  const outside = await waitsOutside(consumption, queue, progress, offset, handle.order?.bucket);
  const dueMs = handle.leaseUntilMs;
  return outside && consumption.clock.nowMs() < dueMs ? { id: handle.claimId, dueMs } : undefined;
}

function leaseUpdate(
  { claim, named, item }: Target<Named>,
  change: LeaseChange,
  nowMs: number,
): { readonly changed: Changed; readonly changes: readonly Change[]; readonly when: readonly Condition[] } {
  const [first] = named as readonly [Named, ...Named[]];
  const offsets = offsetsOf(named);
  const exact = exactClaim(first.generation, claim);
  const whole = claim.order !== undefined || offsets.size >= (item ? claim.open.length : first.handedOut);
  const changed = { ...changedMeta(claim, offsets, change, nowMs, whole), id: claim.id, first: claim.first };
  if (whole) {
    const changes: readonly Change[] = [{ op: "set", name: `m${claim.id}`, value: metaOf(changed) }];
    return { changed, changes, when: [...exact, openAsRead(claim)] };
  }
  const sibling = item && partDueTogether(item, claim, changed);
  const id = sibling?.id ?? claimId(`${claim.nonce}/${[...offsets].join(".")}`, (taken) => isTaken(item, claim, taken));
  const there: readonly Change[] = sibling
    ? [{ op: "addToSet", name: `o${id}`, values: offsets }]
    : [
        { op: "set", name: `f${id}`, value: claim.first },
        { op: "set", name: `m${id}`, value: metaOf(changed) },
        { op: "set", name: `o${id}`, value: offsets },
      ];
  const stillOpen = [...offsets].map((value): Condition => ({ op: "contains", name: `o${claim.id}`, value }));
  return {
    changed: { id, dueMs: changed.dueMs },
    changes: [...there, { op: "deleteFromSet", name: `o${claim.id}`, values: offsets }],
    when: [
      ...exact,
      ...stillOpen,
      ...(sibling
        ? exactClaim(first.generation, sibling).filter(({ name }) => name !== "g")
        : [{ op: "absent", name: `f${id}` } as const]),
    ],
  };
}

function changedMeta(claim: Claim, named: ReadonlySet<number>, change: LeaseChange, nowMs: number, whole: boolean): ClaimMeta {
  const ms = change.kind === "extend" ? change.leaseMs : change.delayMs;
  const dueMs = whole ? nowMs + ms : dueTogether(nowMs, ms);
  const { nonce, attempt, order, attemptTag } = claim;
  if (change.kind === "extend") return { nonce, attempt, dueMs: Math.max(claim.dueMs, dueMs), order, attemptTag };
  const head = claim.open[0] ?? 0;
  const moved = order !== undefined && order.head !== head && named.has(head);
  // Those before it are acked: this delivery was the first attempt of what is now the head.
  const attempts = moved ? 1 : attempt;
  return {
    nonce: givenBackNonce(nonce, attempt),
    attempt: change.countAttempt ? attempts : attempts - 1,
    dueMs,
    order: moved ? { bucket: order.bucket, head } : order,
  };
}

/** A little later than asked for, so that parts changed one after the other are due together and share a claim. */
function dueTogether(nowMs: number, ms: number): number {
  const step = Math.min(PARTS_TOGETHER_MS_MAX, Math.max(1, Math.floor(ms * PARTS_TOGETHER_SHARE)));
  return Math.ceil((nowMs + ms) / step) * step;
}

const partDueTogether = (item: Item, claim: Claim, changed: ClaimMeta & Pick<Claim, "first">): Claim | undefined =>
  [...progressOf(item).claims.values()].find(
    (other) => other.id !== claim.id && other.first === changed.first && metaOf(other) === metaOf(changed),
  );

const isTaken = (item: Item | undefined, claim: Claim, id: string): boolean => id === claim.id || item?.[`m${id}`] !== undefined;

const offsetsOf = (handles: readonly Named[]): ReadonlySet<number> =>
  new Set(handles.map(({ relativeOffset }) => relativeOffset));
