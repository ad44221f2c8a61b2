import { BrokerError } from "../errors.ts";
import { SETTLE_ROUNDS_MAX } from "../limits.ts";
import { shownTopicName } from "../names.ts";
import type { Item } from "../ports/item-store.ts";
import type { SettleEntry } from "../requests.ts";
import type { StoredMessage } from "../terms.ts";
import type { ConsumedQueue, Consumption } from "./consumption.ts";
import { deadLetterHead, deadLetterOne } from "./dead-letter.ts";
import { heldClaim, leaseLost } from "./held-claim.ts";
import { type Claim, progressOf } from "./progress.ts";
import type { ReceiptHandle } from "./receipt-handle.ts";
import { messagesOfClaim } from "./take-due.ts";

/**
 * Dead-letters a message that its handle still holds: because its consumer asks for it, or gives it back after the last attempt.
 * Errors: LEASE_LOST, MESSAGE_EXPIRED.
 */
export async function deadLetterHeld(
  consumption: Consumption,
  queue: ConsumedQueue,
  handle: ReceiptHandle,
  entry: SettleEntry,
): Promise<void> {
  const read = await messagesOfClaim(consumption, queue, { first: handle.first, open: [handle.relativeOffset] });
  const [message] = read.messages;
  if (read.unreadable.length > 0) throw unreadable(queue, handle);
  if (!message) throw new BrokerError("MESSAGE_EXPIRED", "The message's retention has ended.");
  const reason = reasonOf(entry, handle);
  const { subscription, queueId } = queue;
  const seen = consumption.progress.recent(subscription.uid, queueId);
  let claim = (seen && heldClaim(progressOf(seen), handle)) ?? unread(handle);
  for (let round = 0; round < SETTLE_ROUNDS_MAX; round++) {
    if (!claim) {
      const item = await consumption.progress.read(subscription.uid, queueId);
      claim = item && heldClaim(progressOf(item), handle);
      if (!claim) throw leaseLost();
    }
    const outcome = await moveOut(consumption, queue, { handle, entry, claim, message, reason });
    if (outcome === "moved") return;
    claim = outcome.met && heldClaim(progressOf(outcome.met), handle);
    if (!claim) throw leaseLost();
  }
  throw leaseLost();
}

function moveOut(
  consumption: Consumption,
  queue: ConsumedQueue,
  leaving: {
    readonly handle: ReceiptHandle;
    readonly entry: SettleEntry;
    readonly claim: Claim;
    readonly message: StoredMessage;
    readonly reason: string;
  },
): Promise<"moved" | { readonly met: Item | undefined }> {
  const { handle, entry, claim, message, reason } = leaving;
  const { generation, attempt } = handle;
  // Given back after the last attempt, an ordered message lets those behind it come again at once.
  return entry.action === "nack" && claim.order
    ? deadLetterHead(consumption, queue, generation, { ...claim, order: claim.order }, message, { attempts: attempt, reason })
    : deadLetterOne(consumption, queue, generation, claim, message, reason);
}

function reasonOf(entry: SettleEntry, { attempt }: ReceiptHandle): string {
  const given = entry.action === "nack" || entry.action === "deadLetter" ? entry.reason : undefined;
  return given ?? (entry.action === "nack" ? `given back after attempt ${attempt}` : "dead-lettered by its consumer");
}

/** The claim as the handle has it; which message an ordered one's attempts count for, and an attempt's tag, must be read. */
const unread = (handle: ReceiptHandle): Claim | undefined =>
  handle.order || handle.tagged
    ? undefined
    : { ...handle, id: handle.claimId, dueMs: handle.leaseUntilMs, open: [handle.relativeOffset] };

/** It stays with its consumer, and is put aside when the lease ends. */
const unreadable = ({ topic, queueId }: ConsumedQueue, { first, relativeOffset }: ReceiptHandle): BrokerError =>
  new BrokerError("STORE_CORRUPT", "The message cannot be read any more, so that it cannot be moved. An ack still settles it.", {
    effect: "none",
    members: { topic: shownTopicName(topic.name), queueId, offset: String(first + relativeOffset) },
  });
