import { CLAIMS_PER_UPDATE_MAX, SETTLE_ROUNDS_MAX } from "../limits.ts";
import type { Change, Condition, Item } from "../ports/item-store.ts";
import type { ConsumedQueue, Consumption } from "./consumption.ts";
import { deliveryOf, heldClaim, settledBefore } from "./held-claim.ts";
import { metaPrefix, openAsRead, progressOf, removalOf } from "./progress.ts";
import type { ReceiptHandle } from "./receipt-handle.ts";
import { repeatUnknown } from "./repeat-unknown.ts";

export type Settled = "settled" | "lost";

/** The messages of one delivery that one claim holds, and are acked. */
interface Share {
  readonly claimId: string;
  readonly handles: ReceiptHandle[];
  /** Whether they are all that the claim holds open, as far as is known. */
  all: boolean;
}

/**
 * Acks messages of one queue, one update for all their claims. An offset is acked when the image before the update had it open
 * under this delivery; else it is judged by `settledBefore`. Repeating an ack is harmless, so a lost reply is simply repeated.
 *
 * A claim whose last messages are acked is removed, on condition that they are its last: an ack that comes twice, or late, takes
 * away what it names and nothing else.
 */
export async function ackMessages(
  consumption: Consumption,
  queue: Pick<ConsumedQueue, "subscription" | "queueId">,
  handles: readonly ReceiptHandle[],
): Promise<ReadonlyMap<ReceiptHandle, Settled>> {
  const answers = new Map<ReceiptHandle, Settled>();
  let image = consumption.progress.recent(queue.subscription.uid, queue.queueId);
  let waiting = handles;
  for (let round = 0; waiting.length > 0 && round < SETTLE_ROUNDS_MAX; round++) {
    const shares = sharesOf(waiting, image);
    const result = await repeatUnknown(consumption, () =>
      consumption.progress.update(queue.subscription.uid, queue.queueId, { ...ackUpdate(shares), returning: "allOld" }),
    );
    image = result.ok ? result.item : result.current;
    for (const { claimId, handles: acked } of shares) {
      for (const handle of acked) {
        const claim = image && heldClaim(progressOf(image), handle);
        // It lies in another claim by now, or the update failed for another's sake: again, on what was just read.
        if (claim && !(result.ok && claim.id === claimId)) continue;
        answers.set(handle, claim || (await settledBefore(consumption, queue, image, handle)) ? "settled" : "lost");
      }
    }
    waiting = waiting.filter((handle) => !answers.has(handle));
  }
  return answers;
}

/** As many as one update takes: of one generation, and no two deliveries under one claim id. */
function sharesOf(handles: readonly ReceiptHandle[], image: Item | undefined): readonly Share[] {
  const shares = new Map<string, Share>();
  const progress = image && progressOf(image);
  const [first] = handles;
  for (const handle of handles) {
    if (handle.generation !== first?.generation) continue;
    const claim = progress && heldClaim(progress, handle);
    const claimId = claim?.id ?? handle.claimId;
    const share = shares.get(claimId);
    if (share) {
      if (deliveryOf(share.handles[0] as ReceiptHandle) === deliveryOf(handle)) share.handles.push(handle);
      continue;
    }
    if (shares.size < CLAIMS_PER_UPDATE_MAX) shares.set(claimId, { claimId, handles: [handle], all: false });
  }
  for (const share of shares.values()) {
    const offsets = offsetsOf(share);
    const open = progress?.claims.get(share.claimId)?.open;
    const known = open?.filter((offset) => offsets.has(offset)).length === offsets.size;
    // A repeated receive hands out what is still open: handles of one delivery may differ in how many there were.
    const handedOut = Math.max(...share.handles.map((handle) => handle.handedOut));
    share.all = offsets.size >= (known ? (open?.length ?? 0) : handedOut);
  }
  return [...shares.values()];
}

const offsetsOf = ({ handles }: Share): ReadonlySet<number> => new Set(handles.map(({ relativeOffset }) => relativeOffset));

function ackUpdate(shares: readonly Share[]): { readonly changes: readonly Change[]; readonly when: readonly Condition[] } {
  const changes: Change[] = [];
  const when: Condition[] = [];
  for (const share of shares) {
    const { claimId: id, all } = share;
    const [handle] = share.handles as [ReceiptHandle];
    const offsets = offsetsOf(share);
    if (when.length === 0) when.push({ op: "=", name: "g", value: handle.generation });
    when.push({ op: "=", name: `f${id}`, value: handle.first }, { op: "beginsWith", name: `m${id}`, prefix: metaPrefix(handle) });
    if (all) {
      when.push(openAsRead({ id, open: [...offsets] }));
      changes.push(...removalOf({ id }));
    } else changes.push({ op: "deleteFromSet", name: `o${id}`, values: offsets });
  }
  return { changes, when };
}
