import {
  BACKLOGGED_MAX,
  CLAIMS_MAX,
  CLAIMS_ORDERED_MAX,
  ORDERED_ITEM_BYTES_MAX,
  PARKED_BYTES,
  PARKED_MAX,
  PARKED_MIN,
  PARKED_SHARE,
} from "../limits.ts";
import type { Item } from "../ports/item-store.ts";
import type { ConsumedQueue, Consumption } from "./consumption.ts";
import { deliveryOrder } from "./delivery-order.ts";
import { attributeBytes, itemBytes } from "./item-bytes.ts";
import { metaOf, NONCE_CHARS, progressOf } from "./progress.ts";

const SAMPLE_META = { nonce: "x".repeat(NONCE_CHARS), attempt: 1, dueMs: 0, order: { bucket: 0, head: 0 } };
/** A claim of one message: three names of five letters, its first offset, its meta and a set. */
export const ORDERED_CLAIM_BYTES = 15 + 6 + metaOf(SAMPLE_META).length + 2;
/** Each further message of a claim. */
const OPEN_BYTES = 3;

/** Husks swept by one ordered reserve: where claims are bounded by bytes, those are in their way. */
export const HUSKS_PER_ORDERED_MAX = 16;
const HUSK_BYTES = 15 + metaOf(SAMPLE_META).length;

/** Whether message groups that wait may leave the progress item. */
export const mayMoveOut = ({ format }: Consumption, { group, topic }: Pick<ConsumedQueue, "group" | "topic">): boolean =>
  format.version >= 3 && deliveryOrder(group, topic) === "messageGroup";

/** What the item has room for. */
export interface OrderedRoom {
  /** Offsets to park. */
  readonly parked: number;
  /** New claims, beside so many parked offsets. */
  claims(parked: number): number;
}

export function orderedRoom(consumption: Consumption, queue: ConsumedQueue, item: Item, messages: number): OrderedRoom {
  const progress = progressOf(item);
  if (!mayMoveOut(consumption, queue)) return { parked: PARKED_MAX, claims: () => CLAIMS_ORDERED_MAX - progress.claims.size };
  const parkedBytes = item.k === undefined ? 0 : attributeBytes(item.k);
  const husks = Math.min(progress.husks.length, HUSKS_PER_ORDERED_MAX) * HUSK_BYTES;
  const left = ORDERED_ITEM_BYTES_MAX - itemBytes(item) + parkedBytes + husks - OPEN_BYTES * messages;
  const share = Math.floor((left * PARKED_SHARE) / PARKED_BYTES);
  const room = (bytes: number): number => Math.floor((left - bytes) / ORDERED_CLAIM_BYTES);
  // There is one claim as long as there is room for one beside what is parked already.
  const least = Math.min(1, room(parkedBytes));
  return {
    parked: Math.max(PARKED_MIN, Math.min(PARKED_MAX, share)),
    claims: (parked) => Math.max(least, room(parked * PARKED_BYTES)),
  };
}

/** How many claims may come back into the item. */
export function roomForReturning(consumption: Consumption, queue: ConsumedQueue, item: Item): number {
  const { claims, backlogged } = progressOf(item);
  if (mayMoveOut(consumption, queue)) {
    // Each may add its bucket to those with a backlog, which are refilled first where there are many.
    const room = Math.floor((ORDERED_ITEM_BYTES_MAX - itemBytes(item)) / (ORDERED_CLAIM_BYTES + OPEN_BYTES + PARKED_BYTES));
    return Math.min(room, BACKLOGGED_MAX - backlogged.size);
  }
  return (deliveryOrder(queue.group, queue.topic) === "none" ? CLAIMS_MAX : CLAIMS_ORDERED_MAX) - claims.size;
}
