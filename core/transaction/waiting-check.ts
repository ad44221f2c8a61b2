import { waitingCheckKey } from "../keys.ts";
import type { Condition, Item } from "../ports/item-store.ts";
import { WAITING_CHECK_LIFE_MS } from "./transaction-limits.ts";

/**
 * A check that a producer may receive. Item `c#<producer group>` / transaction id: [n] check number · [a] 1: its receive must note that
 * somebody was asked · [x]. A transaction has one: the next check replaces a check that nobody received.
 */
export interface WaitingCheck {
  readonly transactionId: string;
  readonly checkNumber: number;
  readonly noted: boolean;
  readonly expiresAtSeconds: number;
}

export const waitingCheckItem = (
  producerGroup: string,
  { transactionId, checkNumber, noted }: Omit<WaitingCheck, "expiresAtSeconds">,
  nowMs: number,
): Item => ({
  ...waitingCheckKey(producerGroup, transactionId),
  n: checkNumber,
  ...(noted && { a: 1 }),
  x: Math.ceil((nowMs + WAITING_CHECK_LIFE_MS) / 1_000),
});

export const waitingCheckOf = (item: Item): WaitingCheck => ({
  transactionId: item.sk,
  checkNumber: item.n as number,
  noted: item.a !== undefined,
  expiresAtSeconds: item.x as number,
});

/** The condition that it is this check, and that nobody has taken it. */
export const isCheckNumber = (checkNumber: number): readonly Condition[] => [{ op: "=", name: "n", value: checkNumber }];

/** The lane of the receives that wait for the group's checks. */
export const checkLane = (producerGroup: string): string => `k:${producerGroup}`;
