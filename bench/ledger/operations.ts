import { PULL_BYTES_MAX, PULL_MESSAGES_MAX } from "../../core/limits.ts";
import { deadLetter, movingOut, readingBack, redelivering, redriving } from "./failing-operations.ts";
import {
  ack,
  BODY_BYTES,
  type Body,
  bodiesOf,
  LEASE_MS,
  type Operation,
  receive,
  received,
  send,
  settle,
  settling,
  stored,
  TOPIC,
} from "./operation.ts";
import { nothingToRoll, readingRolled, rolling } from "./rolled-operations.ts";
import {
  awakeMinute,
  burst,
  cancelling,
  checking,
  delayed,
  delayedBriefly,
  idleTick,
  sendingOnce,
  transaction,
  transactions,
} from "./timed-operations.ts";

const BACKLOG_RECEIVES = 80;
const LONG_POLL_MS = 20_000;
/** Larger than frames that stay in the table, in a timer or a queue. */
const LARGE_BYTES = 9_000;

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

/** Acks too, since held message groups would keep the next receive from their messages. */
const receivingInOrder = (count: number, messageGroups: number): Operation => ({
  name: `receive ${count} of ${messageGroups} message groups, sent in calls of ${messageGroups}, and ack them`,
  messages: count,
  queues: 1,
  messageGroups,
  async prepare(other) {
    const bodies = bodiesOf("random", messageGroups);
    for (let sent = 0; sent < BACKLOG_RECEIVES * count; sent += messageGroups) await send(other, bodies, messageGroups);
    return async (receiver) => ack(receiver, await received(receiver, count));
  },
});

const looking = (name: string, waitMs: number): Operation => ({
  name,
  messages: 1,
  queues: 4,
  waitMs,
  prepare: async () => (broker) => receive(broker, 32, waitMs),
});

/** What a reader does that follows a queue. */
const readingOn: Operation = {
  name: "pull 1, the last of its queue",
  messages: 1,
  queues: 1,
  async prepare(other) {
    const { offset } = await stored(other);
    const request = { from: { offset }, limit: PULL_MESSAGES_MAX, maxBytes: PULL_BYTES_MAX, waitMs: 0 };
    return async (broker) => {
      const found = await broker.pullMessages(TOPIC, 0, request);
      if (found.maxOffset <= offset) throw new Error(`the queue ends at ${found.maxOffset}`);
    };
  },
};

/** Operations without a client, or without a past: a new process does them. */
export const COLD: readonly Operation[] = [
  burst(1_000),
  burst(10_000),
  awakeMinute,
  rolling("JSON"),
  rolling("random"),
  nothingToRoll,
  readingRolled,
];

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
  receivingInOrder(32, 8),
  readingOn,
  settling("ack 32 of one queue, together", 32, ack),
  settling("ack 32 of one queue, one by one", 32, async (broker, held) => {
    for (const message of held) await ack(broker, [message]);
  }),
  settling("nack 1", 1, (broker, held) => settle(broker, held, (receiptHandle) => ({ action: "nack", receiptHandle }))),
  settling("extend 1", 1, (broker, held) =>
    settle(broker, held, (receiptHandle) => ({ action: "extend", receiptHandle, leaseMs: 2 * LEASE_MS })),
  ),
  settling(
    "nack 1 after its last attempt",
    1,
    (broker, held) => settle(broker, held, (receiptHandle) => ({ action: "nack", receiptHandle })),
    { maxAttempts: 1 },
  ),
  settling("dead-letter 1", 1, deadLetter),
  redriving(32),
  redelivering,
  movingOut,
  readingBack,
  sendingOnce("dedup key"),
  sendingOnce("sequence"),
  delayed(1, "JSON"),
  delayed(1, "random"),
  delayed(1, "random", LARGE_BYTES),
  delayed(100, "JSON"),
  delayed(100, "random"),
  delayedBriefly,
  cancelling,
  transaction("commit"),
  transaction("commit", LARGE_BYTES),
  transaction("rollback"),
  transactions(100),
  checking,
  idleTick,
  looking("receive nothing, 4 queues", 0),
  looking("receive nothing, 4 queues, long poll of 20 s", LONG_POLL_MS),
];
