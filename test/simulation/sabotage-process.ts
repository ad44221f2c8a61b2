import { Arrivals } from "../../core/consume/arrivals.ts";
import { QueueReader } from "../../core/log/queue-reader.ts";
import type { Plant } from "./sabotage.ts";

/** Bugs inside a process, which no store shows: planted in the place of one method, or between a client and its handler. */

/** Runs with the bug, and takes it out again. */
export type Patch = <T>(work: () => Promise<T>) => Promise<T>;

/** What a waiter says that passes nothing on, however that is put. */
const NOTHING = "" as never;

/** L: whoever leaves does not pass its ring on. */
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

/** I4: a block that grew between two pages is in the run twice. */
export const readsBlocksTwice: Patch = async (work) => {
  const { run } = QueueReader.prototype;
  QueueReader.prototype.run = async function (...parameters) {
    const found = await run.apply(this, parameters);
    const last = found.blocks.at(-1);
    if (!last || last.count < 2 || found.blocks.length < 2) return found;
    return { ...found, blocks: [...found.blocks, last], available: found.available + last.count };
  };
  try {
    return await work();
  } finally {
    QueueReader.prototype.run = run;
  }
};

/** I4: a request whose client went away gives back what it took, though its repeat was answered with it. */
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
  broker: (broker) => {
    let sends = 0;
    return {
      ...broker,
      sendMessages: (topic, entries) =>
        broker.sendMessages(
          topic,
          entries.map((entry) =>
            entry.messageGroup !== undefined && sends++ % 4 === 3
              ? { ...entry, messageGroup: `${entry.messageGroup} too` }
              : entry,
          ),
        ),
    };
  },
};
