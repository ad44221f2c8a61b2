import type { SeededRandom } from "../../support/seeded-random.ts";

export interface Violation {
  readonly rule: string;
  readonly detail: string;
}

/** A message where a client knows it to be. */
export interface KnownMessage {
  readonly place: string;
  readonly messageId: string;
  readonly key: string;
  readonly body: string;
}

/** A message as it was read. */
export interface ReadMessage extends Omit<KnownMessage, "key"> {
  readonly storedAt: string;
}

/**
 * What one queue-wide reading after another showed: whatever was rolled, dropped and cut off between them, each shows what those before
 * it showed, and all that was acknowledged.
 */
export class RolledAudit {
  readonly #acknowledged = new Map<string, KnownMessage>();
  readonly #attempted = new Set<string>();
  readonly #read = new Map<string, string>();

  attempted(body: string): void {
    this.#attempted.add(body);
  }

  acknowledged(message: KnownMessage): void {
    this.#acknowledged.set(message.place, message);
  }

  /** Some of them, the newest among them. */
  someAcknowledged(count: number, random: SeededRandom): readonly KnownMessage[] {
    const all = [...this.#acknowledged.values()];
    return all.length === 0 ? [] : [...all.slice(-count / 2), ...Array.from({ length: count / 2 }, () => random.pick(all))];
  }

  get acknowledgedCount(): number {
    return this.#acknowledged.size;
  }

  /** All messages of all queues. */
  read(messages: readonly ReadMessage[]): readonly Violation[] {
    const violations: Violation[] = [];
    const now = new Map(messages.map((message) => [message.place, message]));
    const bodies = new Map<string, string>();
    for (const { place, messageId, storedAt, body } of messages) {
      const elsewhere = bodies.get(body);
      if (elsewhere !== undefined) violations.push({ rule: "storedTwice", detail: `${body} is at ${elsewhere} and at ${place}` });
      bodies.set(body, place);
      if (!this.#attempted.has(body)) violations.push({ rule: "phantom", detail: `${body} at ${place} was never sent` });
      const shown = `${messageId} ${storedAt} ${body}`;
      const before = this.#read.get(place) ?? shown;
      if (before !== shown) violations.push({ rule: "changed", detail: `${place} showed ${before}, and then ${shown}` });
      this.#read.set(place, shown);
    }
    for (const place of this.#read.keys())
      if (!now.has(place)) violations.push({ rule: "lost", detail: `${place} was read before, and is not there` });
    for (const { place, messageId, body } of this.#acknowledged.values()) {
      const found = now.get(place);
      if (found?.messageId !== messageId || found.body !== body)
        violations.push({ rule: "lost", detail: `${messageId} at ${place}: found ${found?.messageId ?? "nothing"}` });
    }
    return violations;
  }
}
