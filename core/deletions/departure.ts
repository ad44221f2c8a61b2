import { departureKey, uidOfDeparture } from "../keys.ts";
import { FLIGHT_MS_MAX } from "../log/log-limits.ts";
import type { Item, TransactWrite } from "../ports/item-store.ts";

/**
 * What was deleted and leaves items behind that nobody reads any more. Written in the transaction that deletes it, so that no
 * crash can lose it; ended by maintenance, once nobody can still write by an older copy. A reset leaves what waited outside the
 * progress item: its departure is written before it, and asks for nothing where the reset was not.
 *
 *   gone  <due ms, 15 digits>-<uid>   [k] topic, group, subscription or reset · [n] name · [q] queues it ever had
 */
export interface Departure {
  readonly kind: "topic" | "group" | "subscription" | "reset";
  /** Of a reset: `<subscription uid>#<queue>`. */
  readonly uid: string;
  /** Of a topic; empty for others. */
  readonly name: string;
  /** Of a topic, or of the topic of a subscription. */
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
