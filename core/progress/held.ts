import type { StoredMessage } from "../terms.ts";
import type { ConsumedQueue } from "./consumed-queue.ts";
import type { ClaimMeta, Progress } from "./progress.ts";

/**
 * What one delivery holds: the messages that it handed out of a claim, until `dueMs`.
 *
 * A claim and its holder pass through these states. Each arrow is one write; a crash between two writes leaves the earlier state.
 *
 *   held         a receive takes new messages, or a due claim, under its nonce. Acks remove messages from the claim; the last ack
 *                removes the claim. An extend moves the end of the lease: of the whole claim in place, of a part in its own claim.
 *                A reset does so too, to an earlier time if it says so.
 *   given back   a nack marks the delivery's nonce (`givenBackNonce`), so its handles no longer work, and the claim waits. If many
 *                claims wait long, they move out of the item (`moved-out-claim.ts`).
 *   due          the lease, or the wait, is over: nothing is written. The holder may still settle, until the next receive takes
 *                the claim for itself, or moves it to the dead-letter topic after the last attempt.
 *
 * A consumer that crashes leaves a held claim, which falls due. So does a receive that crashes after its write.
 */
export interface Held extends Omit<ClaimMeta, "attemptTag"> {
  readonly generation: number;
  /** The claim from which they were handed out. An extended part has since moved to another claim. */
  readonly id: string;
  /** The claim's first offset. */
  readonly first: number;
  /** How many messages were handed out from the claim. A call that settles all of them assumes that the claim holds no others. */
  readonly handedOut: number;
  /** The claim carries an attempt's tag. */
  readonly tagged: boolean;
}

/** One message that a delivery holds. */
export interface HeldMessage {
  readonly held: Held;
  /** Relative to the claim's first offset. */
  readonly relativeOffset: number;
  /** If given: the claim must still carry this tag, so the attempt was not repeated since. */
  readonly attemptTag?: string | undefined;
}

export const offsetOf = ({ held, relativeOffset }: HeldMessage): number => held.first + relativeOffset;

/** Messages of one delivery are settled together. */
export const deliveryKey = ({ held: { generation, first, nonce, attempt } }: HeldMessage): string =>
  `${generation}/${first}/${nonce}/${attempt}`;

/** The delivery of a claim that was just taken: of these messages, those that the claim holds open after the write. */
export function deliveriesFrom(
  queue: ConsumedQueue,
  after: Progress | undefined,
  taken: { readonly id: string; readonly messages: readonly StoredMessage[] } & Pick<Delivery, "attemptTag" | "repeated">,
): readonly Delivery[] {
  const claim = after?.claims.get(taken.id);
  if (!after || !claim) return [];
  const { id, first, nonce, dueMs, order } = claim;
  // A claim that is not to count has one less. Only a repeat of its receive can meet it.
  const attempt = Math.max(1, claim.attempt);
  const open = new Set(claim.open);
  const messages = taken.messages.filter(({ offset }) => open.has(offset - first));
  if (messages.length === 0) return [];
  const { attemptTag, repeated } = taken;
  const { generation } = after;
  const tagged = Boolean(attemptTag);
  const held: Held = { generation, id, first, nonce, attempt, dueMs, order, handedOut: open.size, tagged };
  return [{ queue, held, messages, attemptTag, repeated }];
}

/** Messages that a receive took from one claim, under a lease. */
export interface Delivery {
  readonly queue: ConsumedQueue;
  readonly held: Held;
  /** May be fewer than were handed out, because some have expired since. */
  readonly messages: readonly StoredMessage[];
  /** The claim's tag, if an attempt took it. */
  readonly attemptTag?: string | undefined;
  /** Another receive of the attempt took them, and may have answered with them. */
  readonly repeated?: boolean | undefined;
}
