import { backlogKey, movedOutFrom, movedOutPk, movedOutUntil, type ProgressGeneration } from "../keys.ts";
import { LOOKED_UP_OUTSIDE_MAX } from "../limits.ts";
import type { Item, ItemStore, Query } from "../ports/item-store.ts";
import { keyAfter } from "../store/every-item.ts";
import { offsetsOfBacklog } from "./backlog.ts";
import type { ProgressQueue } from "./consumed-queue.ts";
import type { Consumption } from "./consumption.ts";
import { type HeldMessage, offsetOf } from "./held.ts";
import { type MovedOutClaim, movedOutClaimOf } from "./moved-out-claim.ts";
import type { Progress } from "./progress.ts";

/** Where a message is outside its progress item; `"too many"` if there is more than is read for one message. */
export type Outside = MovedOutClaim | "backlog" | "nowhere" | "too many";

/** Looks for a message of a bucket, or of none, in the claims outside its progress item and in its bucket's backlog. */
export async function findOutside(
  items: Pick<ItemStore, "query">,
  source: ProgressGeneration,
  { offset, bucket }: { readonly offset: number; readonly bucket: number | undefined },
): Promise<Outside> {
  const { subscriptionUid, queueId, generation } = source;
  const claims = { pk: movedOutPk(subscriptionUid, queueId), from: movedOutFrom(generation), to: movedOutUntil(generation) };
  const claim = await firstItem(items, claims, (item) => {
    const { first, open } = movedOutClaimOf(item);
    return open.includes(offset - first);
  });
  if (claim === "too many") return claim;
  if (claim) return movedOutClaimOf(claim);
  if (bucket === undefined) return "nowhere";
  const { pk, sk } = backlogKey(source, bucket);
  // '.' follows '-'.
  const backlog = await firstItem(items, { pk, from: sk, to: `${sk}.` }, (item) => offsetsOfBacklog(item).includes(offset));
  if (backlog === "too many") return backlog;
  return backlog ? "backlog" : "nowhere";
}

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
  const source = { subscriptionUid: subscription.uid, queueId, generation };
  const found = await findOutside(items, source, { offset: offsetOf(message), bucket: message.held.order?.bucket });
  return found === "too many" ? undefined : found !== "nowhere";
}

async function firstItem(
  items: Pick<ItemStore, "query">,
  query: Pick<Query, "pk" | "from" | "to">,
  holds: (item: Item) => boolean,
): Promise<Item | "too many" | undefined> {
  let { from } = query;
  for (let read = 0; read < LOOKED_UP_OUTSIDE_MAX; ) {
    const page = await items.query({ ...query, ...(from !== undefined && { from }), limit: LOOKED_UP_OUTSIDE_MAX - read });
    const found = page.items.find(holds);
    if (found) return found;
    const last = page.items.at(-1);
    if (!page.more || !last) return undefined;
    read += page.items.length;
    from = keyAfter(last.sk);
  }
  return "too many";
}
