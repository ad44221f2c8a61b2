import type { RunningBroker } from "../../core/create-broker.ts";
import { BrokerError } from "../../core/errors.ts";
import type { GroupSettings } from "../../core/requests.ts";
import type { ReceivedMessage, StoredReceipt, TopicType } from "../../core/terms.ts";
import { SeededRandom } from "../../test/support/seeded-random.ts";
import { jsonBodies } from "../bodies.ts";

/** One thing a client does, as the ledger measures it. */
export interface Operation {
  readonly name: string;
  /** Messages that it moves; the price is per message. 1 if it moves none. */
  readonly messages: number;
  readonly queues: number;
  /** The number of message groups, for a FIFO topic. */
  readonly messageGroups?: number;
  readonly group?: GroupSettings;
  /** Default: NORMAL, or FIFO if there are message groups. */
  readonly topicType?: TopicType;
  /** The time that it waits instead of calling stores. */
  readonly waitMs?: number;
  /** It cannot be done twice in a row: only its preparation warms the caches. */
  readonly once?: boolean;
  /** The preparation, by another process and by the measured one. Returns the operation itself. */
  prepare(
    other: RunningBroker,
    measured: RunningBroker,
    pass: (ms: number) => Promise<void>,
    nowMs: () => number,
  ): Promise<(measured: RunningBroker) => Promise<unknown>>;
}

export const TOPIC = "orders";
export const GROUP = "billing";
export const BODY_BYTES = 1_000;
export const LEASE_MS = 600_000;

export type Body = "JSON" | "random";

const encoder = new TextEncoder();

export function bodiesOf(kind: Body, count: number, bytes = BODY_BYTES): readonly Uint8Array[] {
  if (kind === "JSON") return jsonBodies(count, bytes).map((text) => encoder.encode(text));
  const random = new SeededRandom(2);
  return Array.from({ length: count }, () => random.bytes(bytes));
}

/** `messageGroups` as of the operation. */
export async function send(broker: RunningBroker, bodies: readonly Uint8Array[], messageGroups = 0): Promise<void> {
  const results = await broker.sendMessages(
    TOPIC,
    bodies.map((body, index) => (messageGroups === 0 ? { body } : { body, messageGroup: `g${index % messageGroups}` })),
  );
  for (const result of results) if (BrokerError.is(result)) throw result;
}

/** Sends one message and answers where it is. */
export async function stored(broker: RunningBroker): Promise<StoredReceipt> {
  const [result] = await broker.sendMessages(
    TOPIC,
    bodiesOf("random", 1).map((body) => ({ body })),
  );
  if (!result || BrokerError.is(result)) throw result ?? new Error("a send had no result");
  if (!("offset" in result)) throw new Error("a send was delayed");
  return result;
}

export const receive = (broker: RunningBroker, max: number, waitMs = 0): Promise<readonly ReceivedMessage[]> =>
  broker.receiveMessages(GROUP, { max, waitMs, leaseMs: LEASE_MS });

export async function settle(
  broker: RunningBroker,
  messages: readonly ReceivedMessage[],
  how: (receiptHandle: string) => Parameters<RunningBroker["settleMessages"]>[1][number],
): Promise<void> {
  const results = await broker.settleMessages(
    GROUP,
    messages.map(({ receiptHandle }) => how(receiptHandle)),
  );
  for (const { status } of results) if (status === "error") throw new Error("not settled");
}

export const ack = (broker: RunningBroker, messages: readonly ReceivedMessage[]): Promise<void> =>
  settle(broker, messages, (receiptHandle) => ({ action: "ack", receiptHandle }));

export async function received(broker: RunningBroker, count: number): Promise<readonly ReceivedMessage[]> {
  const messages = await receive(broker, count);
  if (messages.length !== count) throw new Error(`received ${messages.length} of ${count} messages`);
  return messages;
}

/** An operation on messages that the measured process holds. */
export const settling = (
  name: string,
  count: number,
  how: (broker: RunningBroker, held: readonly ReceivedMessage[]) => Promise<void>,
  group: GroupSettings = {},
) =>
  ({
    name,
    messages: count,
    queues: 1,
    group,
    async prepare(other, measured) {
      for (const body of bodiesOf("random", count)) await send(other, [body]);
      const held = await received(measured, count);
      return (settler) => how(settler, held);
    },
  }) satisfies Operation;
