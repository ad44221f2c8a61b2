import type { RunningBroker } from "../../core/create-broker.ts";
import { BrokerError } from "../../core/errors.ts";
import type { ReceivedMessage } from "../../core/terms.ts";
import { SeededRandom } from "../../test/support/seeded-random.ts";
import { jsonBodies } from "../bodies.ts";

/** One thing a client does, as the ledger measures it. */
export interface Operation {
  readonly name: string;
  /** Messages it moves; the price is per message. 1 for one that moves none. */
  readonly messages: number;
  readonly queues: number;
  /** Time it spends waiting rather than calling stores. */
  readonly waitMs?: number;
  /** What happens before, by another process and by the one that is measured. Returns the operation itself. */
  prepare(other: RunningBroker, measured: RunningBroker): Promise<(measured: RunningBroker) => Promise<unknown>>;
}

export const TOPIC = "orders";
export const GROUP = "billing";
const BODY_BYTES = 1_000;
const LEASE_MS = 600_000;
const BACKLOG_RECEIVES = 80;
const LONG_POLL_MS = 20_000;

type Body = "JSON" | "random";

const encoder = new TextEncoder();

export function bodiesOf(kind: Body, count: number, bytes = BODY_BYTES): readonly Uint8Array[] {
  if (kind === "JSON") return jsonBodies(count, bytes).map((text) => encoder.encode(text));
  const random = new SeededRandom(2);
  return Array.from({ length: count }, () => random.bytes(bytes));
}

export async function send(broker: RunningBroker, bodies: readonly Uint8Array[]): Promise<void> {
  const results = await broker.sendMessages(
    TOPIC,
    bodies.map((body) => ({ body })),
  );
  for (const result of results) if (BrokerError.is(result)) throw result;
}

export const receive = (broker: RunningBroker, max: number, waitMs = 0): Promise<readonly ReceivedMessage[]> =>
  broker.receiveMessages(GROUP, { max, waitMs, leaseMs: LEASE_MS });

async function settle(
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

async function received(broker: RunningBroker, count: number): Promise<readonly ReceivedMessage[]> {
  const messages = await receive(broker, count);
  if (messages.length !== count) throw new Error(`received ${messages.length} of ${count} messages`);
  return messages;
}

const sending = (count: number, body: Body, bytes = BODY_BYTES): Operation => ({
  name: `send ${count} × ${bytes} B of ${body === "JSON" ? "JSON" : "random bytes"}`,
  messages: count,
  queues: 4,
  async prepare() {
    const bodies = bodiesOf(body, count, bytes);
    return (broker) => send(broker, bodies);
  },
});

/** From a backlog of several receives, sent in calls of `together`. */
const receiving = (count: number, together: number): Operation => ({
  name: `receive ${count}, sent ${together === 1 ? "one by one" : `in calls of ${together}`}`,
  messages: count,
  queues: 1,
  async prepare(other) {
    const bodies = bodiesOf("random", together);
    for (let sent = 0; sent < BACKLOG_RECEIVES * count; sent += together) await send(other, bodies);
    return (receiver) => received(receiver, count);
  },
});

const settling = (name: string, count: number, how: (broker: RunningBroker, held: readonly ReceivedMessage[]) => Promise<void>) =>
  ({
    name,
    messages: count,
    queues: 1,
    async prepare(other, measured) {
      for (const body of bodiesOf("random", count)) await send(other, [body]);
      const held = await received(measured, count);
      return (settler) => how(settler, held);
    },
  }) satisfies Operation;

const looking = (name: string, waitMs: number): Operation => ({
  name,
  messages: 1,
  queues: 4,
  waitMs,
  prepare: async () => (broker) => receive(broker, 32, waitMs),
});

export const OPERATIONS: readonly Operation[] = [
  sending(1, "JSON", 800),
  sending(1, "JSON"),
  sending(1, "random", 800),
  sending(1, "random"),
  sending(10, "JSON"),
  sending(10, "random"),
  sending(100, "JSON"),
  sending(100, "random"),
  receiving(1, 1),
  receiving(32, 1),
  receiving(32, 10),
  receiving(32, 100),
  settling("ack 32 of one queue, together", 32, ack),
  settling("ack 32 of one queue, one by one", 32, async (broker, held) => {
    for (const message of held) await ack(broker, [message]);
  }),
  settling("nack 1", 1, (broker, held) => settle(broker, held, (receiptHandle) => ({ action: "nack", receiptHandle }))),
  settling("extend 1", 1, (broker, held) =>
    settle(broker, held, (receiptHandle) => ({ action: "extend", receiptHandle, leaseMs: 2 * LEASE_MS })),
  ),
  looking("receive nothing, 4 queues", 0),
  looking("receive nothing, 4 queues, long poll of 20 s", LONG_POLL_MS),
];
