import { TAKE_ROUNDS_MAX } from "../limits.ts";
import type { ConsumedQueue } from "../progress/consumed-queue.ts";
import type { Consumption } from "../progress/consumption.ts";
import type { Delivery } from "../progress/held.ts";
import { deliveriesFrom } from "../progress/held.ts";
import { ATTEMPT_TAG_CHARS, type Claim, isGivenBack, type Progress, repeatedTag, UNTAGGED } from "../progress/progress.ts";
import { ProgressChange } from "../progress/progress-change.ts";
import type { Written } from "../progress/progress-store.ts";
import { messagesOfClaim } from "./take-due.ts";

/** The marks by which the claims of an attempt are recognised. */
export interface Attempt {
  readonly tag: string;
  /** The attempt's nonce in stores of format 2. */
  readonly nonceBefore: string;
}

/**
 * Finds what an earlier receive of the same attempt still holds: that receive's reply was lost, or it is still running. The repeat is
 * counted in the claims. The earlier receive then finds the tag changed and gives nothing back, because the repeat is answered with it.
 */
export async function heldByAttempt(
  consumption: Consumption,
  queues: readonly ConsumedQueue[],
  attempt: Attempt,
): Promise<readonly Delivery[]> {
  const read = await consumption.progressStore.readAll(queues);
  const deliveries: Delivery[] = [];
  for (const [index, queue] of queues.entries()) {
    let progress = read[index];
    for (let round = 0; progress && round < TAKE_ROUNDS_MAX; round++) {
      const held = claimsOf(progress, attempt, consumption.clock.nowMs());
      if (held.length === 0) break;
      const counted = await countRepeat(consumption, queue, progress, held);
      progress = counted.progress;
      if (!counted.ok) continue;
      deliveries.push(...(await stillOpen(consumption, queue, progress, held)));
      break;
    }
  }
  return deliveries;
}

const claimsOf = ({ claims }: Progress, { tag, nonceBefore }: Attempt, nowMs: number): readonly Claim[] =>
  [...claims.values()].filter((claim) => {
    if (isGivenBack(claim) || claim.dueMs <= nowMs) return false;
    return claim.attemptTag?.slice(0, ATTEMPT_TAG_CHARS) === tag.slice(0, ATTEMPT_TAG_CHARS) || claim.nonce === nonceBefore;
  });

/** Counts the repeat in the tags. Claims of format 2 have none: then there is nothing to write. */
async function countRepeat(
  consumption: Consumption,
  queue: ConsumedQueue,
  progress: Progress,
  held: readonly Claim[],
): Promise<Written> {
  if (held.every(({ attemptTag }) => attemptTag === undefined)) return { ok: true, progress };
  const change = new ProgressChange(progress);
  for (const claim of held)
    change.wantClaim(claim).setMeta(claim.id, { ...claim, attemptTag: claim.attemptTag && repeatedTag(claim.attemptTag) });
  return consumption.progressStore.update(queue, change);
}

/** What the claims still hold: some messages may have been acked in the meantime. */
async function stillOpen(
  consumption: Consumption,
  queue: ConsumedQueue,
  after: Progress | undefined,
  held: readonly Claim[],
): Promise<readonly Delivery[]> {
  const deliveries: Delivery[] = [];
  for (const { id } of held) {
    const claim = after?.claims.get(id);
    if (!claim) continue;
    const { messages } = await messagesOfClaim(consumption, queue, claim);
    const attemptTag = claim.attemptTag ?? UNTAGGED;
    deliveries.push(...deliveriesFrom(queue, after, { id, messages, attemptTag, repeated: true }));
  }
  return deliveries;
}
