import type { AssignedQueue } from "../terms.ts";
import type { DividedTopic } from "./division.ts";

/** A queue as RocketMQ's assignment strategies see it. */
export interface MessageQueue extends AssignedQueue {
  readonly brokerName: string;
  /** The part of the broker name before the `@`. */
  readonly room: string | undefined;
}

const BROKER = "apogee";

/** The queues of a topic in RocketMQ's order: by broker name, then by id. */
export const messageQueues = ({ name, queues, rooms }: DividedTopic): readonly MessageQueue[] =>
  Array.from({ length: queues }, (_, queueId) => {
    const room = rooms[queueId % rooms.length];
    return { topic: name, brokerName: room === undefined ? BROKER : `${room}@${BROKER}`, queueId, room };
  }).sort((a, b) => compareNames(a.brokerName, b.brokerName) || a.queueId - b.queueId);

/** Compares by UTF-16 units, as Java does. */
export function compareNames(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
