import { PARTS_TOGETHER_MS_MAX, PARTS_TOGETHER_SHARE, RESET_LATE_MS_MAX, SETTLE_ROUNDS_MAX } from "../limits.ts";
import type { ProgressQueue } from "../progress/consumed-queue.ts";
import type { Consumption } from "../progress/consumption.ts";
import type { HeldMessage } from "../progress/held.ts";
import { givenBackClaim, heldClaim } from "../progress/held-claim.ts";
import {
  type Claim,
  type ClaimMeta,
  claimId,
  freeClaimId,
  givenBackNonce,
  isUniqueNonce,
  metaOf,
  type Progress,
} from "../progress/progress.ts";
import { ProgressChange } from "../progress/progress-change.ts";
import { waitsOutside } from "../progress/waits-outside.ts";
import { repeatUnknown } from "../store/repeat-unknown.ts";

/** A change to messages that stay with the group. */
export type LeaseChange =
  | { readonly kind: "extend"; readonly leaseMs: number }
  /** The lease ends then, be that earlier or later than before. `countAttempt` false: if it ends so, this delivery does not count. */
  | { readonly kind: "reset"; readonly leaseMs: number; readonly countAttempt: boolean }
  /** `countAttempt` false: this delivery does not count as an attempt. */
  | { readonly kind: "giveBack"; readonly delayMs: number; readonly countAttempt: boolean };

/** Where a message is after the change. */
export type Changed = Pick<Claim, "id" | "dueMs">;

/** Messages of one delivery that one claim holds, and that change together. */
interface Part<H extends HeldMessage> {
  readonly claim: Claim;
  readonly named: readonly [H, ...H[]];
  /** The progress that the claim was read from. Absent: the claim was not read, and is assumed to be as the handles describe it. */
  readonly progress: Progress | undefined;
}

/** One conditional write, and the claim that its messages are in afterwards. */
interface PartChange {
  readonly write: ProgressChange;
  readonly changed: Changed;
}

/**
 * Extends or resets the lease of messages of one delivery, or gives them back (a nack), each in the claim that holds it now.
 *
 *   whole    all open messages of a claim are named: the claim changes in place. An ordered claim is never split: it changes whole,
 *            whatever part is named.
 *   part     in the same write, the named messages leave the claim for a claim of their own, or for the claim of another part of
 *            the delivery that is due at the same time.
 *
 * An extend keeps the messages under the delivery's nonce, and never shortens the lease. A reset keeps them there too, and ends the
 * lease when it says. If the delivery is not to count, the claim has one attempt less from then on; a later reset decides anew. A nack
 * puts them under the nonce of what the delivery gave back, under which none of its handles works.
 *
 * Each write requires the claim as it was read, so applying it twice changes nothing more. After a lost reply, or a crash between two
 * writes, a repeat of the call finds the result of the first: a nack finds the message given back by this delivery, in the item or
 * outside; an extend or a reset finds the message in its new claim, and changes it there. No repeat makes a second claim for a message, because
 * the new claim's id follows from the delivery and the offsets, and a message is open in one claim only. A message that this delivery
 * neither holds nor gave back is lost to it.
 */
export async function changeLease<H extends HeldMessage>(
  consumption: Consumption,
  queue: ProgressQueue,
  handles: readonly H[],
  change: LeaseChange,
): Promise<ReadonlyMap<H, Changed | "lost">> {
  const answers = new Map<H, Changed | "lost">();
  let part = firstPart(consumption, queue, handles);
  let progress = part?.progress;
  for (let round = 0; round < SETTLE_ROUNDS_MAX && answers.size < handles.length; round++) {
    if (!part) {
      progress ??= await consumption.progressStore.read(queue);
      for (const handle of handles) {
        if (answers.has(handle) || (progress && heldClaim(progress, handle))) continue;
        const givenBack = change.kind === "giveBack" ? await givenBackBefore(consumption, queue, progress, handle) : undefined;
        answers.set(handle, givenBack ?? "lost");
      }
      part = progress && heldTogether(progress, handles, answers);
      if (!part) break;
    }
    const { write, changed } = partChange(part, change, consumption.clock.nowMs());
    const written = await repeatUnknown(consumption, () => consumption.progressStore.update(queue, write));
    if (written.ok) {
      for (const handle of part.named) {
        answers.set(handle, changed);
        if (change.kind === "reset") consumption.shortened.note(handle, changed.dueMs);
      }
    }
    progress = written.progress;
    part = undefined;
    if (!progress) break;
  }
  for (const handle of handles) if (!answers.has(handle)) answers.set(handle, "lost");
  return answers;
}

/**
 * The first part to change, from a recent image or else without a read. The head of an ordered claim and an attempt's tag must be read.
 */
function firstPart<H extends HeldMessage>(
  consumption: Consumption,
  queue: ProgressQueue,
  handles: readonly H[],
): Part<H> | undefined {
  const [first] = handles;
  if (!first) return undefined;
  const seen = consumption.progressStore.recent(queue);
  const part = seen && heldTogether(seen, handles, new Map());
  if (part || first.held.order || first.held.tagged) return part;
  const open = [...offsetsOf(handles)].sort((a, b) => a - b);
  const { id } = first.held;
  return partOf(
    { ...first.held, open },
    handles.filter(({ held }) => held.id === id),
    undefined,
  );
}

/** The handles without an answer whose messages one claim holds. */
function heldTogether<H extends HeldMessage>(
  progress: Progress,
  handles: readonly H[],
  answers: ReadonlyMap<H, unknown>,
): Part<H> | undefined {
  let claim: Claim | undefined;
  const named = handles.filter((handle) => {
    const held = answers.has(handle) ? undefined : heldClaim(progress, handle);
    claim ??= held;
    return held !== undefined && held === claim;
  });
  return claim && partOf(claim, named, progress);
}

function partOf<H extends HeldMessage>(claim: Claim, named: readonly H[], progress: Progress | undefined): Part<H> | undefined {
  const [first, ...others] = named;
  return first && { claim, named: [first, ...others], progress };
}

/** The claim where a message that this delivery gave back waits. While its lease runs, no one else can have moved the message outside. */
async function givenBackBefore(
  consumption: Consumption,
  queue: ProgressQueue,
  progress: Progress | undefined,
  handle: HeldMessage,
): Promise<Changed | undefined> {
  const { id, generation } = handle.held;
  const dueMs = consumption.shortened.endMs(handle);
  const inside = progress && givenBackClaim(progress, handle);
  if (inside || !progress || progress.messagesOut === 0 || progress.generation !== generation) return inside;
  const outside = await waitsOutside(consumption, queue, progress, handle);
  return outside && consumption.clock.nowMs() < dueMs ? { id, dueMs } : undefined;
}

function partChange(part: Part<HeldMessage>, change: LeaseChange, nowMs: number): PartChange {
  const { claim, named, progress } = part;
  const ms = change.kind === "giveBack" ? change.delayMs : change.leaseMs;
  const stepMs = change.kind === "reset" ? RESET_LATE_MS_MAX : PARTS_TOGETHER_MS_MAX;
  const open = progress ? claim.open.length : named[0].held.handedOut;
  const whole = claim.order !== undefined || offsetsOf(named).size >= open;
  return whole ? wholeChange(part, change, nowMs + ms) : splitChange(part, change, dueTogether(nowMs, ms, stepMs));
}

function wholeChange({ claim, named }: Part<HeldMessage>, change: LeaseChange, dueMs: number): PartChange {
  const meta = metaAfter(claim, named, change, dueMs);
  const write = new ProgressChange(named[0].held).wantClaim(claim).wantOpen(claim).setMeta(claim.id, meta);
  return { write, changed: { id: claim.id, dueMs: meta.dueMs } };
}

function splitChange({ claim, named, progress }: Part<HeldMessage>, change: LeaseChange, dueMs: number): PartChange {
  const offsets = offsetsOf(named);
  const meta = metaAfter(claim, named, change, dueMs);
  const write = new ProgressChange(named[0].held).wantClaim(claim).wantStillOpen(claim.id, offsets).settle(claim.id, offsets);
  const sibling = progress && partDueTogether(progress, claim, meta);
  if (sibling) {
    write.wantClaim(sibling).join(sibling.id, offsets);
    return { write, changed: { id: sibling.id, dueMs: meta.dueMs } };
  }
  const seed = `${claim.nonce}/${[...offsets].join(".")}`;
  const id = progress ? freeClaimId(progress, seed) : claimId(seed, (taken) => taken === claim.id);
  write.putClaim({ id, first: claim.first, open: [...offsets], ...meta });
  return { write, changed: { id, dueMs: meta.dueMs } };
}

/** The holder of the messages after the change, and until when. */
function metaAfter(claim: Claim, named: Part<HeldMessage>["named"], change: LeaseChange, dueMs: number): ClaimMeta {
  const { nonce, order, attemptTag } = claim;
  if (change.kind === "extend") {
    return { nonce, attempt: claim.attempt, dueMs: Math.max(claim.dueMs, dueMs), order, attemptTag };
  }
  // The claim has one less if a reset does not count this delivery.
  const { attempt } = named[0].held;
  if (change.kind === "reset") {
    // In format 2 the attempt is a part of the delivery's name, so that every delivery counts.
    const counts = change.countAttempt || !isUniqueNonce(nonce);
    return { nonce, attempt: counts ? attempt : attempt - 1, dueMs, order, attemptTag };
  }
  const head = claim.open[0] ?? 0;
  const moved = order !== undefined && order.head !== head && offsetsOf(named).has(head);
  // The messages before the new head are acked, so this delivery was the new head's first attempt.
  const attempts = moved ? 1 : attempt;
  return {
    nonce: givenBackNonce(nonce, attempt),
    attempt: change.countAttempt ? attempts : attempts - 1,
    dueMs,
    order: moved ? { bucket: order.bucket, head } : order,
  };
}

/** Rounded up a little, so that parts that change one after the other are due together and share a claim. */
function dueTogether(nowMs: number, ms: number, stepMs: number): number {
  const step = Math.min(stepMs, Math.max(1, Math.floor(ms * PARTS_TOGETHER_SHARE)));
  return Math.ceil((nowMs + ms) / step) * step;
}

const partDueTogether = ({ claims }: Progress, claim: Claim, meta: ClaimMeta): Claim | undefined =>
  [...claims.values()].find((other) => other.id !== claim.id && other.first === claim.first && metaOf(other) === metaOf(meta));

const offsetsOf = (handles: readonly HeldMessage[]): ReadonlySet<number> =>
  new Set(handles.map(({ relativeOffset }) => relativeOffset));
