import { BrokerError } from "../errors.ts";
import { dueOfTimer, idOfTimer, PARKED_TIMERS_PK, timerSk } from "../keys.ts";
import { listNames } from "../list-names.ts";
import type { Item, ItemStore, Key, TransactWrite } from "../ports/item-store.ts";
import type { ListPage, ListRequest } from "../requests.ts";
import { isMessage, type MessageTimer, type TimerPlace, timerKey } from "./timer.ts";
import { PARKED_TIMER_LIFE_MS } from "./timer-limits.ts";

/**
 * A delayed message that cannot be delivered, and was put aside so that it blocks nothing. Item `parked` / `<due ms>-<timer id>`: the
 * timer's attributes, [r] the reason, [at] when, [x].
 */
export interface ParkedTimer {
  readonly id: string;
  readonly messageId: string;
  readonly topic: string;
  readonly deliverAtMs: number;
  readonly parkedAtMs: number;
  readonly reason: string;
}

export const parkedKey = ({ dueMs, id }: TimerPlace): Key => ({ pk: PARKED_TIMERS_PK, sk: timerSk(dueMs, id) });

/** The two writes that park a timer, on the condition that it still exists. */
export const parking = (timer: MessageTimer, reason: string, nowMs: number): readonly TransactWrite[] => [
  { kind: "delete", key: timerKey(timer), when: isMessage },
  {
    kind: "put",
    item: {
      ...parkedKey(timer),
      u: timer.topicUid,
      n: timer.topic,
      f: timer.frame,
      ...(timer.chosenId !== undefined && { m: timer.chosenId }),
      r: reason,
      at: nowMs,
      x: Math.ceil((nowMs + PARKED_TIMER_LIFE_MS) / 1_000),
    },
  },
];

/** Parked messages, by due time. Each is kept 30 days. */
export const listParked = (items: ItemStore, request: ListRequest): Promise<ListPage<ParkedTimer>> =>
  listNames(items, PARKED_TIMERS_PK, request, parkedOf);

/** A timer's due time and id. */
const PARKED_ID = /^\d{15}-[\w-]{1,64}$/;

/** Errors: MESSAGE_NOT_FOUND. */
export async function deleteParked(items: ItemStore, id: string): Promise<void> {
  const key = { pk: PARKED_TIMERS_PK, sk: id };
  const result = PARKED_ID.test(id) ? await items.delete(key, { when: [{ op: "exists", name: "pk" }] }) : undefined;
  if (!result?.ok) throw new BrokerError("MESSAGE_NOT_FOUND", "No parked message has this id. See GET /v1/scheduled/parked.");
}

function parkedOf(item: Item): ParkedTimer {
  const { m, n, r, at } = item as unknown as { m: string | undefined; n: string; r: string; at: number };
  return {
    id: item.sk,
    messageId: m ?? idOfTimer(item.sk),
    topic: n,
    deliverAtMs: dueOfTimer(item.sk),
    parkedAtMs: at,
    reason: r,
  };
}
