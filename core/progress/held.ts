import type { StoredMessage } from "../terms.ts";
import type { ConsumedQueue } from "./consumed-queue.ts";
import type { ClaimMeta, Progress } from "./progress.ts";

/**
 * What one delivery holds: the messages of a claim that it handed out, until `dueMs`.
 *
 * A claim and its holder pass through these states; each arrow is one write, and a crash between two leaves the state before it.
 *
 *   held         a receive takes new messages, or a due claim, under its nonce. Acks take messages out; with the last one the
 *                claim goes. An extend moves the end of the lease on: of the whole claim in place, of a part in a claim of its own.
 *   given back   a nack marks the nonce of the delivery (`givenBackNonce`), so that its handles no longer work, and lets the claim
 *                wait. Many that wait long move out of the item (`moved-out-claim.ts`).
 *   due          the lease, or the wait, is over: nothing is written. What was held may still be settled, until the next receive
 *                takes the claim for itself, or moves it to the dead-letter topic after the last attempt.
 *
 * A consumer that crashes leaves a held claim, which falls due. A receive that crashes after its write leaves the same.
 */
export interface Held extends Omit<ClaimMeta, "attemptTag"> {
  readonly generation: number;
  /** The claim they were in when they were handed out. A part that was extended is in another one since. */
  readonly id: string;
  /** The claim's first offset. */
  readonly first: number;
  /** Messages handed out from the claim: who settles all of them may take it that they are all that it holds. */
  readonly handedOut: number;
  /** The claim carries an attempt's tag. */
  readonly tagged: boolean;
}

/** One message that a delivery holds. */
export interface HeldMessage {
  readonly held: Held;
  /** Relative to the claim's first offset. */
  readonly relativeOffset: number;
  /** Where it is given: only while the attempt was not repeated since. */
  readonly attemptTag?: string | undefined;
}

export const offsetOf = ({ held, relativeOffset }: HeldMessage): number => held.first + relativeOffset;

/** Messages of one delivery are settled together. */
export const deliveryKey = ({ held: { generation, first, nonce, attempt } }: HeldMessage): string =>
  `${generation}/${first}/${nonce}/${attempt}`;

/** What a receive hands out of a claim that it has just taken: of these messages, those that the claim holds open after that. */
export function deliveriesFrom(
  queue: ConsumedQueue,
  after: Progress | undefined,
  taken: { readonly id: string; readonly messages: readonly StoredMessage[] } & Pick<Delivery, "attemptTag" | "repeated">,
): readonly Delivery[] {
  const claim = after?.claims.get(taken.id);
  if (!after || !claim) return [];
  const { id, first, nonce, attempt, dueMs, order } = claim;
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
  /** They may be fewer than were handed out, when one has expired meanwhile. */
  readonly messages: readonly StoredMessage[];
  /** Of a claim taken by an attempt. */
  readonly attemptTag?: string | undefined;
  /** Another receive of the attempt took them, and may have been answered with them. */
  readonly repeated?: boolean | undefined;
}
