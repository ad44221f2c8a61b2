import { backlogKey, movedOutFrom, movedOutPk, movedOutUntil } from "../keys.ts";
import { LOOKED_UP_OUTSIDE_MAX } from "../limits.ts";
import type { Item, Query } from "../ports/item-store.ts";
import { keyAfter } from "../store/every-item.ts";
import { offsetsOfBacklog } from "./backlog.ts";
import type { ProgressQueue } from "./consumed-queue.ts";
import type { Consumption } from "./consumption.ts";
import { type HeldMessage, offsetOf } from "./held.ts";
import { movedOutClaimOf } from "./moved-out-claim.ts";
import type { Progress } from "./progress.ts";

/**
 * Whether a message waits outside its progress item, in a claim or in its bucket's backlog. Asked only where a settle finds that its
 * work seems done already. `undefined` if too many items are outside to read.
 */
export async function waitsOutside(
  { items }: Consumption,
  { subscription, queueId }: ProgressQueue,
  { generation }: Progress,
  message: HeldMessage,
): Promise<boolean | undefined> {
  const offset = offsetOf(message);
  const bucket = message.held.order?.bucket;
  const source = { subscriptionUid: subscription.uid, queueId, generation };
  const claims = { pk: movedOutPk(subscription.uid, queueId), from: movedOutFrom(generation), to: movedOutUntil(generation) };
  const among = (item: Item): boolean => {
    const { first, open } = movedOutClaimOf(item);
    return open.includes(offset - first);
  };
  const inClaims = await anyItem({ items }, claims, among);
  if (inClaims !== false || bucket === undefined) return inClaims;
  const { pk, sk } = backlogKey(source, bucket);
  // '.' follows '-'.
  return anyItem({ items }, { pk, from: sk, to: `${sk}.` }, (item) => offsetsOfBacklog(item).includes(offset));
}

async function anyItem(
  { items }: Pick<Consumption, "items">,
  query: Pick<Query, "pk" | "from" | "to">,
  holds: (item: Item) => boolean,
): Promise<boolean | undefined> {
  let { from } = query;
  for (let read = 0; read < LOOKED_UP_OUTSIDE_MAX; ) {
    const page = await items.query({ ...query, ...(from !== undefined && { from }), limit: LOOKED_UP_OUTSIDE_MAX - read });
    if (page.items.some(holds)) return true;
    const last = page.items.at(-1);
    if (!page.more || !last) return false;
    read += page.items.length;
    from = keyAfter(last.sk);
  }
  return undefined;
}
