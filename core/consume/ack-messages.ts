import { CLAIMS_PER_UPDATE_MAX, SETTLE_ROUNDS_MAX } from "../limits.ts";
import type { Change, Condition, Item } from "../ports/item-store.ts";
import type { ConsumedQueue, Consumption } from "./consumption.ts";
import { deliveryOf, heldClaim, settledBefore } from "./held-claim.ts";
import { type Claim, metaPrefix, progressOf } from "./progress.ts";
import type { ReceiptHandle } from "./receipt-handle.ts";
import { repeatUnknown } from "./repeat-unknown.ts";

export type Settled = "settled" | "lost";

/**
 * Acks messages of one queue, one update for all their claims. An offset is acked when the image before the update had it open
 * under this delivery; else it is judged by `settledBefore`. Repeating an ack is harmless, so a lost reply is simply repeated.
 */
export async function ackMessages(
  consumption: Consumption,
  queue: Pick<ConsumedQueue, "subscription" | "queueId">,
  handles: readonly ReceiptHandle[],
): Promise<ReadonlyMap<ReceiptHandle, Settled>> {
  const answers = new Map<ReceiptHandle, Settled>();
  let waiting = handles;
  for (let round = 0; waiting.length > 0 && round < SETTLE_ROUNDS_MAX; round++) {
    const batch = together(waiting);
    const result = await repeatUnknown(consumption, () =>
      consumption.progress.update(queue.subscription.uid, queue.queueId, { ...ackUpdate(batch), returning: "allOld" }),
    );
    const image = result.ok ? result.item : result.current;
    const nowMs = consumption.clock.nowMs();
    for (const handle of batch) {
      const claim = image && heldClaim(progressOf(image), handle);
      // The update failed for another's sake: again, with those that hold.
      if (!result.ok && claim?.open.includes(handle.relativeOffset)) continue;
      answers.set(handle, acked(result.ok, claim, image, handle, nowMs));
    }
    waiting = waiting.filter((handle) => !answers.has(handle));
  }
  return answers;
}

function acked(ok: boolean, claim: Claim | undefined, image: Item | undefined, handle: ReceiptHandle, nowMs: number): Settled {
  if (ok && claim?.open.includes(handle.relativeOffset)) return "settled";
  return settledBefore(image, handle, nowMs) ? "settled" : "lost";
}

/** As many as one update takes; two deliveries under one claim id never go together. */
function together(handles: readonly ReceiptHandle[]): readonly ReceiptHandle[] {
  const deliveries = new Map<string, string>();
  return handles.filter((handle) => {
    const delivery = deliveryOf(handle);
    const known = deliveries.get(handle.claimId);
    if (known !== undefined) return known === delivery;
    if (deliveries.size >= CLAIMS_PER_UPDATE_MAX) return false;
    const [first] = handles;
    if (first && first.generation !== handle.generation) return false;
    deliveries.set(handle.claimId, delivery);
    return true;
  });
}

function ackUpdate(handles: readonly ReceiptHandle[]): {
  readonly changes: readonly Change[];
  readonly when: readonly Condition[];
} {
  const claims = new Map<string, { readonly handle: ReceiptHandle; readonly offsets: Set<number>; handedOut: number }>();
  for (const handle of handles) {
    const claim = claims.get(handle.claimId);
    if (!claim) {
      claims.set(handle.claimId, { handle, offsets: new Set([handle.relativeOffset]), handedOut: handle.handedOut });
      continue;
    }
    claim.offsets.add(handle.relativeOffset);
    // A repeated receive hands out what is still open: handles of one delivery may differ in this, and only the first count holds for all.
    claim.handedOut = Math.max(claim.handedOut, handle.handedOut);
  }
  const changes: Change[] = [];
  const when: Condition[] = [];
  for (const [id, { handle, offsets, handedOut }] of claims) {
    if (when.length === 0) when.push({ op: "=", name: "g", value: handle.generation });
    when.push({ op: "=", name: `f${id}`, value: handle.first }, { op: "beginsWith", name: `m${id}`, prefix: metaPrefix(handle) });
    if (offsets.size < handedOut) changes.push({ op: "deleteFromSet", name: `o${id}`, values: offsets });
    else for (const attribute of ["f", "m", "o"]) changes.push({ op: "remove", name: attribute + id });
  }
  return { changes, when };
}
