import { CLAIMS_PER_UPDATE_MAX, SETTLE_ROUNDS_MAX } from "../limits.ts";
import type { ProgressQueue } from "../progress/consumed-queue.ts";
import type { Consumption } from "../progress/consumption.ts";
import { deliveryKey, type HeldMessage } from "../progress/held.ts";
import { heldClaim, settledBefore } from "../progress/held-claim.ts";
import type { Progress } from "../progress/progress.ts";
import { ProgressChange } from "../progress/progress-change.ts";
import { repeatUnknown } from "../store/repeat-unknown.ts";

export type Settled = "settled" | "lost";

/** The acked messages of one delivery that one claim holds. */
interface Share {
  /** The claim's id. */
  readonly id: string;
  readonly handles: HeldMessage[];
  /** Whether the claim holds no other open messages, as far as is known. */
  all: boolean;
}

/**
 * Acks messages of one queue, in one update for as many claims as it may change. An offset is acked if the image before the update had
 * it open under this delivery; else `settledBefore` decides. An ack is idempotent, so after a lost reply it is repeated.
 *
 * An ack of a claim's last messages removes the claim, on the condition that they are its last. So a repeated or late ack removes the
 * messages that it names and nothing else.
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
        // The message is in another claim by now, or another share made the update fail. The next round uses the new image.
        if (claim && !(ok && claim.id === id)) continue;
        answers.set(handle, claim || (await settledBefore(consumption, queue, image, handle)) ? "settled" : "lost");
      }
    }
    waiting = waiting.filter((handle) => !answers.has(handle));
  }
  return answers;
}

/** The shares of one update: all of one generation, and no two deliveries under one claim id. The other handles wait for the next. */
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
    // A repeated receive hands out only what is still open, so handles of one delivery may differ in `handedOut`.
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
