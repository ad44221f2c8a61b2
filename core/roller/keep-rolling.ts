import { mergeKeyFiles } from "../key-index/merge-key-files.ts";
import { TOPICS_PK } from "../keys.ts";
import type { DroppedBlocks } from "../log/drop-expired.ts";
import type { Clock } from "../ports/clock.ts";
import type { RollGauges } from "../ports/gauges.ts";
import { StoreCorrupt } from "../ports/store-failures.ts";
import { everyItem } from "../store/every-item.ts";
import { topicOf } from "../topic/topic-codec.ts";
import { dropRolled } from "./drop-rolled.ts";
import { DROP_GRACE_MS, DROP_GRACE_STEP_MS, PASS_BYTES_MAX, ROLL_PAUSE_MS, TOPICS_PER_PAGE } from "./roll-limits.ts";
import { type RollDependencies, type RolledQueue, Roller } from "./roller.ts";
import { NOTHING_UNROLLED, together, unrolledOf } from "./unrolled.ts";

export interface RollPass {
  readonly rolled: ReadonlyMap<string, RolledQueue>;
  /** All queues were looked at. */
  readonly complete: boolean;
  /** Why a queue was left out. */
  readonly corrupt: StoreCorrupt | undefined;
}

/**
 * Rolls what is due of all queues, until the signal aborts or so much is rolled that it is time to drop. A queue of which something cannot
 * be read holds up no other. Errors: `StoreUnavailable`.
 */
export async function rollQueues(store: RollDependencies, signal: AbortSignal): Promise<RollPass> {
  const roller = new Roller(store);
  const isOver = (): boolean => signal.aborted || roller.bytes >= PASS_BYTES_MAX;
  let corrupt: StoreCorrupt | undefined;
  const leavingOut = (error: unknown): void => {
    if (!StoreCorrupt.is(error)) throw error;
    corrupt = error;
  };
  for await (const item of everyItem(store.items, { pk: TOPICS_PK, limit: TOPICS_PER_PAGE })) {
    const topic = topicOf(item);
    for (let queueId = 0; queueId < topic.queuesEver && !isOver(); queueId++)
      await roller.roll(topic, queueId, isOver).catch(leavingOut);
    if (isOver()) break;
  }
  if (!signal.aborted) await roller.end().catch(leavingOut);
  if (roller.bytes > 0) await mergeKeyFiles(store, () => signal.aborted).catch(leavingOut);
  const complete = !isOver();
  if (!signal.aborted) store.onRollGauges?.(complete ? NOTHING_UNROLLED : await unrolled(store, signal));
  return { rolled: roller.rolled, complete, corrupt };
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
 * Rolls and drops, until the signal aborts. A block is dropped when its copy was committed a minute ago. The minute is slept: a machine
 * that was suspended has not waited, whatever its clock says, and nor has a process that was stopped. A failure is told, and tried again.
 */
export async function rollOn(
  store: RollDependencies & { readonly onFailure: (error: unknown) => void },
  signal: AbortSignal,
  dropped: (blocks: DroppedBlocks) => Promise<void>,
): Promise<void> {
  const { clock, onFailure } = store;
  const ripe = new Map<string, RolledQueue>();
  /** How far each queue was dropped. */
  const droppedTo = new Map<string, number>();
  let complete = true;
  for (;;) {
    await clock.sleep(complete ? ROLL_PAUSE_MS.idle : ROLL_PAUSE_MS.busy, signal);
    if (signal.aborted) return;
    try {
      const dropping = [...ripe];
      ripe.clear();
      for (const [pk, rolled] of dropping) {
        if (rolled.end <= (droppedTo.get(pk) ?? 0)) continue;
        const blocks = await dropRolled(store, rolled, signal);
        droppedTo.set(pk, rolled.end);
        await dropped(blocks);
      }
      const pass = await rollQueues(store, signal);
      complete = pass.complete;
      if (pass.corrupt) onFailure(pass.corrupt);
      void sleepGrace(clock, signal).then(() => {
        for (const [pk, rolled] of pass.rolled) ripe.set(pk, rolled);
      });
    } catch (error) {
      complete = true;
      onFailure(error);
    }
  }
}

async function sleepGrace(clock: Pick<Clock, "sleep">, signal: AbortSignal): Promise<void> {
  for (let left = DROP_GRACE_MS; left > 0; left -= DROP_GRACE_STEP_MS) await clock.sleep(DROP_GRACE_STEP_MS, signal);
}
