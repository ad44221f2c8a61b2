import { mergeKeyFiles } from "../key-index/merge-key-files.ts";
import { TOPICS_PK } from "../keys.ts";
import type { DroppedBlocks } from "../log/drop-expired.ts";
import type { RollGauges } from "../ports/gauges.ts";
import type { ItemStore } from "../ports/item-store.ts";
import { StoreCorrupt } from "../ports/store-failures.ts";
import { everyItem, keyAfter } from "../store/every-item.ts";
import type { Topic } from "../terms.ts";
import { topicOf } from "../topic/topic-codec.ts";
import { Dropping } from "./dropping.ts";
import { PASS_BYTES_MAX, ROLL_PAUSE_MS, TOPICS_PER_PAGE } from "./roll-limits.ts";
import { type RollDependencies, type RolledQueue, Roller } from "./roller.ts";
import { NOTHING_UNROLLED, together, unrolledOf } from "./unrolled.ts";

export interface RollPass {
  readonly rolled: ReadonlyMap<string, RolledQueue>;
  /** The topic that used up the pass, behind which the next one begins; `undefined`: all queues were looked at. */
  readonly endedAt: string | undefined;
  /** Why a queue was left out. */
  readonly corrupt: StoreCorrupt | undefined;
}

/**
 * Rolls what is due of all queues, those of the topics behind `after` first, until the signal aborts or so much is rolled that it is time to
 * drop. A queue of which something cannot be read holds up no other. Errors: `StoreUnavailable`.
 */
export async function rollQueues(store: RollDependencies, signal: AbortSignal, after?: string): Promise<RollPass> {
  const roller = new Roller(store);
  const isOver = (): boolean => signal.aborted || roller.bytes >= PASS_BYTES_MAX;
  let corrupt: StoreCorrupt | undefined;
  const leavingOut = (error: unknown): void => {
    if (!StoreCorrupt.is(error)) throw error;
    corrupt = error;
  };
  let endedAt: string | undefined;
  for await (const topic of topicsFrom(store.items, after)) {
    for (let queueId = 0; queueId < topic.queuesEver && !isOver(); queueId++)
      await roller.roll(topic, queueId, isOver).catch(leavingOut);
    if (isOver()) {
      endedAt = topic.name;
      break;
    }
  }
  if (!signal.aborted) await roller.end().catch(leavingOut);
  if (roller.bytes > 0) await mergeKeyFiles(store, () => signal.aborted).catch(leavingOut);
  if (!signal.aborted) store.onRollGauges?.(endedAt === undefined ? NOTHING_UNROLLED : await unrolled(store, signal));
  return { rolled: roller.rolled, endedAt, corrupt };
}

/** All topics, those behind `after` first: one that has very much to roll lets the others have their turn. */
async function* topicsFrom(items: ItemStore, after: string | undefined): AsyncGenerator<Topic> {
  const all = { pk: TOPICS_PK, limit: TOPICS_PER_PAGE };
  if (after !== undefined) for await (const item of everyItem(items, { ...all, from: keyAfter(after) })) yield topicOf(item);
  for await (const item of everyItem(items, after === undefined ? all : { ...all, to: after })) yield topicOf(item);
}

/** What a pass that was over too soon has left of all queues. */
async function unrolled(store: RollDependencies, signal: AbortSignal): Promise<RollGauges> {
  let gauges = NOTHING_UNROLLED;
  for await (const item of everyItem(store.items, { pk: TOPICS_PK, limit: TOPICS_PER_PAGE })) {
    const { uid: topicUid, queuesEver } = topicOf(item);
    for (let queueId = 0; queueId < queuesEver && !signal.aborted; queueId++) {
      gauges = together(gauges, await unrolledOf(store, { topicUid, queueId }));
      await store.reading.pause();
    }
    if (signal.aborted) break;
  }
  return gauges;
}

/**
 * Rolls and drops, until the signal aborts: both at once, since what is dropped lies below all that is still to be rolled. A failure is
 * told, and tried again.
 */
export async function rollOn(
  store: RollDependencies & { readonly onFailure: (error: unknown) => void },
  signal: AbortSignal,
  dropped: (blocks: DroppedBlocks) => Promise<void>,
): Promise<void> {
  const { clock, onFailure } = store;
  const dropping = new Dropping(store, signal, dropped);
  let endedAt: string | undefined;
  for (;;) {
    if (endedAt === undefined) await clock.sleep(ROLL_PAUSE_MS, signal);
    if (signal.aborted) break;
    try {
      const pass = await rollQueues(store, signal, endedAt);
      endedAt = pass.endedAt;
      if (pass.corrupt) onFailure(pass.corrupt);
      dropping.afterGrace(pass.rolled);
    } catch (error) {
      endedAt = undefined;
      onFailure(error);
    }
  }
  await dropping.end();
}
