import type { SendReceipt } from "../../../core/terms.ts";
import type { Delivery } from "./delivery.ts";

/** A message of a producer that numbers its messages. */
export interface Numbered {
  readonly producerId: string;
  readonly sequence: number;
}

/** All sends of one identity. Each has its own text, and one of them is stored. */
interface Identity {
  readonly name: string;
  readonly texts: Set<string>;
  readonly receipts: SendReceipt[];
  sends: number;
  /** How many sends were answered with the promise that nothing was stored. */
  refused: number;
}

/** Told the answers to senders of messages with an identity, and finds violations of I1 and I9. */
export class OnceAuditor {
  readonly violations: string[] = [];
  readonly #identities = new Map<string, Identity>();
  readonly #numbered = new Map<string, Numbered>();
  /** The last sequence that a producer was told is stored. */
  readonly #toldLast = new Map<string, number>();
  #sent = 0;

  get sent(): number {
    return this.#sent;
  }

  /** `name` stands for a key within one window, or for one sequence of a producer. */
  sends(name: string, text: string, numbered?: Numbered): { stored(receipt: SendReceipt): void; refused(): void } {
    const identity = this.#identities.get(name) ?? { name, texts: new Set(), receipts: [], sends: 0, refused: 0 };
    this.#identities.set(name, identity);
    identity.texts.add(text);
    identity.sends++;
    this.#sent++;
    if (numbered) this.#numbered.set(name, numbered);
    return {
      stored: (receipt) => identity.receipts.push(receipt),
      refused: () => {
        identity.refused++;
      },
    };
  }

  lastTold(producerId: string, sequence: number): void {
    this.#toldLast.set(producerId, Math.max(sequence, this.#toldLast.get(producerId) ?? 0));
  }

  finish(deliveries: readonly Delivery[]): void {
    const delivered = new Map<string, Delivery[]>();
    for (const delivery of deliveries) delivered.set(delivery.body, [...(delivered.get(delivery.body) ?? []), delivery]);
    const highest = new Map<string, number>();
    const storedAt = new Map<string, readonly Delivery[]>();
    for (const identity of this.#identities.values()) {
      const stored = [...identity.texts].flatMap((text) => delivered.get(text) ?? []);
      storedAt.set(identity.name, stored);
      this.#check(identity, stored);
      const numbered = this.#numbered.get(identity.name);
      if (numbered && stored.length > 0)
        highest.set(numbered.producerId, Math.max(numbered.sequence, highest.get(numbered.producerId) ?? 0));
    }
    for (const [producerId, last] of this.#toldLast) highest.set(producerId, Math.max(last, highest.get(producerId) ?? 0));
    for (const [producerId, last] of highest) this.#checkRow(producerId, last, storedAt);
  }

  #check({ name, receipts, sends, refused }: Identity, stored: readonly Delivery[]): void {
    if (stored.length > 1) this.#bad("I9", `${name} is stored ${stored.length} times`);
    if (new Set(receipts.map(answerOf)).size > 1)
      this.#bad("I9", `${name} is answered differently: ${[...new Set(receipts.map(answerOf))].join(" and ")}`);
    if (receipts.filter(({ duplicate }) => !duplicate).length > 1) this.#bad("I9", `${name} is answered as new more than once`);
    const [receipt] = receipts;
    const [delivery] = stored;
    if (receipt && !delivery) this.#bad("I1", `${name} was acknowledged, and is never delivered`);
    if (receipt && delivery && receipt.messageId !== delivery.messageId)
      this.#bad("I9", `${name} was answered as ${receipt.messageId}, and is ${delivery.messageId}`);
    if (receipt && delivery && "offset" in receipt && answerOf(receipt) !== answerOf({ ...delivery, duplicate: false }))
      this.#bad("I9", `${name} was answered at ${answerOf(receipt)}, where it is not`);
    if (delivery && sends === refused) this.#bad("I1", `${name} is stored although every send of it was refused`);
  }

  /** Checks that a producer's messages are stored without a gap, in order. */
  #checkRow(producerId: string, last: number, storedAt: ReadonlyMap<string, readonly Delivery[]>): void {
    const before = new Map<number, number>();
    let started = false;
    for (let sequence = 1; sequence <= last; sequence++) {
      const [delivery] = storedAt.get(nameOf({ producerId, sequence })) ?? [];
      // A new producer may start at any sequence.
      started ||= delivery !== undefined;
      if (!started) continue;
      if (!delivery) {
        this.#bad("I9", `${producerId} has ${last} messages, and ${sequence} is missing`);
        continue;
      }
      if (delivery.body.includes(DELAYED)) continue;
      const { queueId, offset } = delivery;
      if (offset < (before.get(queueId) ?? 0)) this.#bad("I9", `${producerId} has ${sequence} before an earlier one`);
      before.set(queueId, offset);
    }
  }

  #bad(invariant: string, what: string): void {
    this.violations.push(`${invariant} ${what}`);
  }
}

/** Marks the text of a delayed message. */
export const DELAYED = "later";

export const nameOf = ({ producerId, sequence }: Numbered): string => `${producerId}:${sequence}`;

const answerOf = (receipt: SendReceipt | (Delivery & { duplicate: boolean })): string =>
  "offset" in receipt
    ? `${receipt.messageId} at ${receipt.queueId}/${receipt.offset}`
    : `${receipt.messageId} at ${receipt.deliverAtMs} by ${receipt.recallHandle}`;
