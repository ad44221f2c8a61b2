/** A message as someone outside saw it. */
export interface Seen {
  readonly queueId: number;
  readonly offset: number;
  /** The text a producer sent: unique. */
  readonly body: string;
}

/** A message as a reader showed it. */
export interface Shown extends Seen {
  readonly storedAtMs: number;
}

/** How a message came to a consumer. All times are true ones, not any clock's. */
export interface Delivery {
  readonly consumer: string;
  /** Repeats of one request name the same. */
  readonly attemptId: string | undefined;
  readonly attempt: number;
  readonly leaseUntilMs: number;
  /** Until when the consumer believes that it holds the message. */
  readonly untilMs: number;
  /** When its receive was first requested. */
  readonly askedMs: number;
  readonly nowMs: number;
}

export const placeOf = ({ queueId, offset }: Pick<Seen, "queueId" | "offset">): string => `${queueId}/${offset}`;

export function offsetOf(place: string): Pick<Seen, "queueId" | "offset"> {
  const [queueId, offset] = place.split("/").map(Number) as [number, number];
  return { queueId, offset };
}

export function isBehind(place: string, queueId: number, from: number): boolean {
  const at = offsetOf(place);
  return at.queueId === queueId && at.offset >= from;
}
