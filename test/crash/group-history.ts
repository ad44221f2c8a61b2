import type { DeliveredEvent, HistoryEvent, SettledEvent } from "./history.ts";

/** What the consumers of one group saw, by place and by handle. */
export interface GroupHistory {
  readonly deliveries: ReadonlyMap<string, readonly DeliveredEvent[]>;
  readonly settles: ReadonlyMap<string, readonly SettledEvent[]>;
  /** How many dead letters died at a place. */
  readonly dead: ReadonlyMap<string, number>;
  /** When a message was first asked to be settled for good, by a request that may have done it. */
  readonly settledFromMs: ReadonlyMap<string, number>;
}

export const place = (message: { readonly queueId: number; readonly offset: number }): string =>
  `${message.queueId}/${message.offset}`;

export const groupHistory = (history: readonly HistoryEvent[], group: string): GroupHistory => {
  const deliveries = new Map<string, DeliveredEvent[]>();
  const settles = new Map<string, SettledEvent[]>();
  const dead = new Map<string, number>();
  for (const event of history) {
    if (event.kind === "delivered" && event.group === group) push(deliveries, place(event), event);
    if (event.kind === "settled" && event.group === group) push(settles, event.receiptHandle, event);
    if (event.kind === "dead" && event.group === group) dead.set(place(event), (dead.get(place(event)) ?? 0) + 1);
  }
  const settledFromMs = new Map<string, number>();
  for (const [at, delivered] of deliveries) {
    const ends = delivered
      .flatMap((one) => settles.get(one.receiptHandle) ?? [])
      .filter(({ action, outcome }) => (action === "ack" || action === "deadLetter") && outcome !== "leaseLost");
    settledFromMs.set(at, Math.min(...ends.map((end) => end.requestedAtMs)));
  }
  return { deliveries, settles, dead, settledFromMs };
};

export const push = <T>(lists: Map<string, T[]>, key: string, value: T): void => {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
};
