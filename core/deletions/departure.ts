import { departureKey, uidOfDeparture } from "../keys.ts";
import { FLIGHT_MS_MAX } from "../log/log-limits.ts";
import type { Item, TransactWrite } from "../ports/item-store.ts";

/**
 * A deleted thing whose items remain, though nobody reads them any more. It is written in the transaction of the deletion, so no crash
 * can lose it. Maintenance ends it once nobody can still write by an older copy. A reset leaves what waited outside the progress item.
 * Its departure is written before the reset, and has no effect if the reset does not happen.
 *
 *   gone  <due ms, 15 digits>-<uid>   [k] topic, group, subscription or reset · [n] name · [q] queues it ever had
 */
export interface Departure {
  readonly kind: "topic" | "group" | "subscription" | "reset";
  /** Of a reset: `<subscription uid>#<queue>`. */
  readonly uid: string;
  /** The name of a topic; empty for others. */
  readonly name: string;
  /** The queues of a topic, or of a subscription's topic. */
  readonly queues: number;
}

export const departureOf = (item: Item): Departure => ({
  kind: item.k as Departure["kind"],
  uid: uidOfDeparture(item.sk),
  name: item.n as string,
  queues: item.q as number,
});

export const departs = ({ kind, uid, name, queues }: Departure, nowMs: number): Extract<TransactWrite, { kind: "put" }> => ({
  kind: "put",
  item: { ...departureKey(nowMs + FLIGHT_MS_MAX, uid), k: kind, n: name, q: queues },
});
