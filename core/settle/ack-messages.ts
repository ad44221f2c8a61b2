import { CLAIMS_PER_UPDATE_MAX, SETTLE_ROUNDS_MAX } from "../limits.ts";
import type { ProgressQueue } from "../progress/consumed-queue.ts";
import type { Consumption } from "../progress/consumption.ts";
import { deliveryKey, type HeldMessage } from "../progress/held.ts";
import { heldClaim, settledBefore } from "../progress/held-claim.ts";
import type { Progress } from "../progress/progress.ts";
import { ProgressChange } from "../progress/progress-change.ts";
import { repeatUnknown } from "../store/repeat-unknown.ts";

export type Settled = "settled" | "lost";

/** The messages of one delivery that one claim holds, and are acked. */
interface Share {
  /** Of the claim. */
  readonly id: string;
  readonly handles: HeldMessage[];
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
  queue: ProgressQueue,
  handles: readonly HeldMessage[],
): Promise<ReadonlyMap<HeldMessage, Settled>> {
  const answers = new Map<HeldMessage, Settled>();
  let image = consumption.progressStore.recent(queue);
  let waiting = handles;
  for (let round = 0; waiting.length > 0 && round < SETTLE_ROUNDS_MAX; round++) {
    const shares = sharesOf(waiting, image);
    const change = ackChange(shares);
    const { ok, progress } = await repeatUnknown(consumption, () => consumption.progressStore.updateReturningOld(queue, change));
    image = progress;
    for (const { id, handles: acked } of shares) {
      for (const handle of acked) {
        const claim = image && heldClaim(image, handle);
        // It lies in another claim by now, or the update failed for another's sake: again, on what was just read.
        if (claim && !(ok && claim.id === id)) continue;
        answers.set(handle, claim || (await settledBefore(consumption, queue, image, handle)) ? "settled" : "lost");
      }
    }
    waiting = waiting.filter((handle) => !answers.has(handle));
  }
  return answers;
}

/** As many as one update takes: of one generation, and no two deliveries under one claim id. */
function sharesOf(handles: readonly HeldMessage[], progress: Progress | undefined): readonly Share[] {
  const shares = new Map<string, Share>();
  const [first] = handles;
  for (const handle of handles) {
    if (handle.held.generation !== first?.held.generation) continue;
    const claim = progress && heldClaim(progress, handle);
    const id = claim?.id ?? handle.held.id;
    const share = shares.get(id);
    if (share) {
      if (deliveryKey(share.handles[0] as HeldMessage) === deliveryKey(handle)) share.handles.push(handle);
      continue;
    }
    if (shares.size < CLAIMS_PER_UPDATE_MAX) shares.set(id, { id, handles: [handle], all: false });
  }
  for (const share of shares.values()) {
    const offsets = offsetsOf(share);
    const open = progress?.claims.get(share.id)?.open;
    const known = open?.filter((offset) => offsets.has(offset)).length === offsets.size;
    // A repeated receive hands out what is still open: handles of one delivery may differ in how many there were.
    const handedOut = Math.max(...share.handles.map(({ held }) => held.handedOut));
    share.all = offsets.size >= (known ? (open?.length ?? 0) : handedOut);
  }
  return [...shares.values()];
}

const offsetsOf = ({ handles }: Share): ReadonlySet<number> => new Set(handles.map(({ relativeOffset }) => relativeOffset));

function ackChange(shares: readonly Share[]): ProgressChange {
  const [{ handles }] = shares as readonly [Share];
  const change = new ProgressChange((handles[0] as HeldMessage).held);
  for (const share of shares) {
    const { id, all } = share;
    const offsets = offsetsOf(share);
    change.wantDelivery({ ...(share.handles[0] as HeldMessage).held, id });
    if (all) change.wantOpen({ id, open: [...offsets] }).dropClaim(id);
    else change.settle(id, offsets);
  }
  return change;
}
