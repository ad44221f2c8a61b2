import { BrokerError } from "../../core/errors.ts";
import { offsetSk, queuePk } from "../../core/keys.ts";
import { blockOf, nextBase } from "../../core/log/block.ts";
import { QueueLog } from "../../core/log/queue-log.ts";
import { QueueReader } from "../../core/log/queue-reader.ts";
import type { ItemStore } from "../../core/ports/item-store.ts";
import { Arrivals } from "../../core/wake/arrivals.ts";
import type { Plant } from "./sabotage.ts";

/** Bugs inside a process, which no store shows: planted in one method, or between a client and its handler. */

/** Runs with the bug, and removes it afterwards. */
export type Patch = <T>(work: () => Promise<T>) => Promise<T>;

/** A `passOn` that passes nothing on, whatever values it may have. */
const NOTHING = "" as never;

/** L: a waiter that leaves does not pass its ring on. */
export const keepsRings: Patch = async (work) => {
  const { join } = Arrivals.prototype;
  Arrivals.prototype.join = function (...parameters) {
    const waiter = join.apply(this, parameters);
    return { wait: (untilMs) => waiter.wait(untilMs), leave: () => waiter.leave(NOTHING) };
  };
  try {
    return await work();
  } finally {
    Arrivals.prototype.join = join;
  }
};

/** I4: if blocks follow each other, the very last message is read twice. */
export const readsMessagesTwice: Patch = async (work) => {
  const { matching } = QueueLog.prototype;
  QueueLog.prototype.matching = async function (...parameters) {
    const found = await matching.apply(this, parameters);
    const last = found.messages.at(-1);
    return last && parameters[0].blocks.length > 1 ? { ...found, messages: [...found.messages, last] } : found;
  };
  try {
    return await work();
  } finally {
    QueueLog.prototype.matching = matching;
  }
};

/** L: a waiting receive looks only at the two blocks from its hint on, however old the hint is. */
export async function looksAtTwoBlocks<T>(work: (plant: Plant) => Promise<T>): Promise<T> {
  const { reaches } = QueueReader.prototype;
  let store: ItemStore | undefined;
  QueueReader.prototype.reaches = async function (queue, offset, hint) {
    if (this.knownEnd(queue) > offset || !store) return true;
    const pk = queuePk(queue.topicUid, queue.queueId);
    const page = await store.query({ pk, from: offsetSk(hint), limit: 2, consistent: false });
    return page.items.some((item) => nextBase(blockOf(item)) > offset);
  };
  const items = (honest: ItemStore): ItemStore => {
    store = honest;
    return honest;
  };
  try {
    return await work({ items });
  } finally {
    QueueReader.prototype.reaches = reaches;
  }
}

/** I4: a request whose client went away gives back its messages, although its repeat was answered with them. */
export const givesBackWhatIsRepeated: Plant = {
  broker: (broker) => ({
    ...broker,
    async receiveMessages(group, request, signal) {
      const messages = await broker.receiveMessages(group, request, signal);
      if (!signal?.aborted || request.attemptId === undefined) return messages;
      const held = await broker.receiveMessages(group, { ...request, waitMs: 0 });
      await broker.settleMessages(
        group,
        held.map(({ receiptHandle }) => ({ action: "nack", receiptHandle, delayMs: 0, countAttempt: false })),
      );
      return [];
    },
  }),
};

/** I6: a message group goes to two queues. */
export const splitsGroups: Plant = {
  broker: (broker) => ({
    ...broker,
    sendMessages: (topic, entries) =>
      broker.sendMessages(
        topic,
        entries.map((entry) =>
          entry.messageGroup !== undefined && (entry.body.at(-2) ?? 0) % 4 === 0
            ? { ...entry, messageGroup: `${entry.messageGroup} too` }
            : entry,
        ),
      ),
  }),
};

/** L: a receive that finds nothing is told that too much is in flight. */
export const refusesForNothing: Plant = {
  broker: (broker) => ({
    ...broker,
    async receiveMessages(group, request, signal) {
      const messages = await broker.receiveMessages(group, request, signal);
      if (messages.length === 0) throw new BrokerError("TOO_MANY_REQUESTS", "Settle some.");
      return messages;
    },
  }),
};

/** Runs with one method replaced. */
export async function patched<T extends object, K extends keyof T, R>(
  prototype: T,
  name: K,
  replacement: (original: T[K]) => T[K],
  work: () => Promise<R>,
): Promise<R> {
  const original = prototype[name];
  prototype[name] = replacement(original);
  try {
    return await work();
  } finally {
    prototype[name] = original;
  }
}
