import { deadLetterHead, deadLetterOne } from "../dead-letter/move-to-dead-letters.ts";
import { BrokerError } from "../errors.ts";
import { SETTLE_ROUNDS_MAX } from "../limits.ts";
import { shownTopicName } from "../names.ts";
import type { ConsumedQueue } from "../progress/consumed-queue.ts";
import type { Consumption } from "../progress/consumption.ts";
import { type HeldMessage, offsetOf } from "../progress/held.ts";
import { heldClaim, leaseLost } from "../progress/held-claim.ts";
import type { Claim } from "../progress/progress.ts";
import { messagesOfClaim } from "../receive/take-due.ts";
import type { SettleEntry } from "../requests.ts";

/**
 * Dead-letters a message that its handle still holds. The consumer asked for it, or gave the message back after the last attempt.
 * Errors: LEASE_LOST, MESSAGE_EXPIRED, STORE_CORRUPT.
 */
export async function deadLetterHeld(
  consumption: Consumption,
  queue: ConsumedQueue,
  handle: HeldMessage,
  entry: SettleEntry,
): Promise<void> {
  const { generation, first, attempt } = handle.held;
  const { messages, unreadable } = await messagesOfClaim(consumption, queue, { first, open: [handle.relativeOffset] });
  if (unreadable.length > 0) throw unreadableNow(queue, handle);
  if (messages.length === 0) throw new BrokerError("MESSAGE_EXPIRED", "The message's retention has ended.");
  const death = { attempts: attempt, reason: reasonOf(entry, attempt) };
  const seen = consumption.progressStore.recent(queue);
  let claim = (seen && heldClaim(seen, handle)) ?? unread(handle);
  for (let round = 0; round < SETTLE_ROUNDS_MAX; round++) {
    if (!claim) {
      const progress = await consumption.progressStore.read(queue);
      claim = progress && heldClaim(progress, handle);
      if (!claim) throw leaseLost();
    }
    const { order } = claim;
    const dying = { generation, claim, messages, death };
    // After its last attempt, an ordered message that is given back frees the messages behind it at once.
    const outcome =
      entry.action === "nack" && order
        ? await deadLetterHead(consumption, queue, { ...dying, claim: { ...claim, order } })
        : await deadLetterOne(consumption, queue, dying);
    if (outcome === "moved") return;
    claim = outcome.met && heldClaim(outcome.met, handle);
    if (!claim) throw leaseLost();
  }
  throw leaseLost();
}

function reasonOf(entry: SettleEntry, attempt: number): string {
  const given = entry.action === "nack" || entry.action === "deadLetter" ? entry.reason : undefined;
  return given ?? (entry.action === "nack" ? `given back after attempt ${attempt}` : "dead-lettered by its consumer");
}

/** The claim as the handle describes it. The head of an ordered claim and an attempt's tag must be read. */
const unread = ({ held, relativeOffset }: HeldMessage): Claim | undefined =>
  held.order || held.tagged ? undefined : { ...held, open: [relativeOffset] };

/** The message stays with its consumer. It is put aside when the lease ends. */
const unreadableNow = ({ topic, queueId }: ConsumedQueue, handle: HeldMessage): BrokerError =>
  new BrokerError("STORE_CORRUPT", "The message cannot be read any more, so that it cannot be moved. An ack still settles it.", {
    effect: "none",
    members: { topic: shownTopicName(topic.name), queueId, offset: String(offsetOf(handle)) },
  });
