import type { RunningBroker } from "../../core/create-broker.ts";
import { WAITING_CLAIMS_KEPT, WAITING_CLAIMS_MAX } from "../../core/limits.ts";
import type { SettleEntry } from "../../core/requests.ts";
import type { ReceivedMessage } from "../../core/terms.ts";
import { ack, bodiesOf, GROUP, type Operation, received, send, settle, stored } from "./operation.ts";

const DEAD_LETTERS_PER_PAGE = 1_000;
const BYTES_MAX = 4_000_000;
const WAIT_MS = 600_000;
/** One more claim waiting after a nack than an item keeps. */
const WAITING = WAITING_CLAIMS_MAX + 1;
const MOVED = WAITING - WAITING_CLAIMS_KEPT;

export const deadLetter = (broker: RunningBroker, messages: readonly ReceivedMessage[]): Promise<void> =>
  settle(broker, messages, (receiptHandle) => ({ action: "deadLetter", receiptHandle }));

export const redriving = (count: number): Operation => ({
  name: `redrive ${count} dead letters to their group`,
  messages: count,
  queues: 1,
  async prepare(other) {
    const known = new Set(await deadLetterIds(other));
    await send(other, bodiesOf("random", count));
    await deadLetter(other, await received(other, count));
    const ids = (await deadLetterIds(other)).filter((id) => !known.has(id));
    return async (broker) => {
      const { moved } = await broker.redriveDeadLetters(GROUP, { ids });
      if (moved !== count) throw new Error(`redrove ${moved} of ${count} dead letters`);
    };
  },
});

export const redelivering: Operation = {
  name: "deliver 1 once more to a group, by its id",
  messages: 1,
  queues: 1,
  async prepare(other) {
    const { messageId } = await stored(other);
    return (broker) => broker.redeliverMessage(messageId, { group: GROUP });
  },
};

async function deadLetterIds(broker: RunningBroker): Promise<readonly string[]> {
  const { items } = await broker.listDeadLetters(GROUP, { limit: DEAD_LETTERS_PER_PAGE, maxBytes: BYTES_MAX });
  return items.map(({ id }) => id);
}

/** Failing messages, each given back for a different time. The last is one more than the item keeps. */
export const movingOut: Operation = {
  name: `nack 1, moving ${MOVED} long waits out`,
  messages: MOVED,
  queues: 1,
  once: true,
  async prepare(other, measured) {
    await failingMessages(other, measured, WAITING - 1);
    const last = await received(measured, 1);
    return (broker) => settle(broker, last, givingBack(WAITING));
  },
};

export const readingBack: Operation = {
  name: `receive ${MOVED} long waits back`,
  messages: MOVED,
  queues: 1,
  once: true,
  async prepare(other, measured, pass) {
    await failingMessages(other, measured, WAITING);
    await ack(measured, await received(measured, 1));
    await pass(2 * WAIT_MS);
    // The claims due first never left the item.
    await ack(measured, await received(measured, WAITING_CLAIMS_KEPT));
    return (broker) => received(broker, MOVED);
  },
};

async function failingMessages(other: RunningBroker, measured: RunningBroker, count: number): Promise<void> {
  for (const body of bodiesOf("random", WAITING + 1)) await send(other, [body]);
  for (let index = 0; index < count; index++) await settle(measured, await received(measured, 1), givingBack(index));
}

const givingBack =
  (index: number) =>
  (receiptHandle: string): SettleEntry => ({ action: "nack", receiptHandle, delayMs: WAIT_MS + index * 1_000 });
