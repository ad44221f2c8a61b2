import type { RunningBroker } from "../../../core/create-broker.ts";
import type { Transaction } from "../../../core/transaction/transaction.ts";

/** A message in its queue at the end. */
export interface Delivery {
  readonly topic: string;
  readonly queueId: number;
  readonly offset: number;
  readonly messageId: string;
  /** The text its sender gave it: unique. */
  readonly body: string;
  readonly storedAtMs: number;
}

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** The text and its padding. */
export const bodyOf = (text: string, paddingBytes: number): Uint8Array => encoder.encode(`${text}|${"~".repeat(paddingBytes)}`);

export function textOf(body: Uint8Array): string {
  const text = decoder.decode(body);
  return text.slice(0, text.indexOf("|"));
}

/** Everything in a topic's queues. */
export async function deliveriesOf(broker: RunningBroker, topic: string): Promise<readonly Delivery[]> {
  const deliveries: Delivery[] = [];
  for (const { queueId, minOffset, maxOffset } of await broker.topicQueues(topic)) {
    for (let offset = minOffset; offset < maxOffset; ) {
      const page = await broker.pullMessages(topic, queueId, { from: { offset }, limit: 32, maxBytes: 4_000_000, waitMs: 0 });
      if (page.status === "OFFSET_ILLEGAL" || page.nextOffset === offset) break;
      for (const { messageId, body, storedAtMs, ...place } of page.messages)
        deliveries.push({ topic, queueId, offset: place.offset, messageId, body: textOf(body), storedAtMs });
      offset = page.nextOffset;
    }
  }
  return deliveries;
}

/** Every stored transaction, whatever its outcome. */
export async function allTransactions(broker: RunningBroker): Promise<readonly Transaction[]> {
  const all: Transaction[] = [];
  for (let after: string | undefined; ; ) {
    const { items, next } = await broker.listTransactions({ limit: 100, after });
    all.push(...items);
    if (next === undefined) return all;
    after = next;
  }
}
