import { mergeKeyFiles } from "../key-index/merge-key-files.ts";
import { ROLL_HINTS_PK, ROLL_SWEEP_KEY, rollHintKey, TOPICS_PK } from "../keys.ts";
import type { QueueName } from "../log/queue.ts";
import { StoreCorrupt } from "../ports/store-failures.ts";
import { everyItem, keyAfter } from "../store/every-item.ts";
import type { Topic } from "../terms.ts";
import { topicOf } from "../topic/topic-codec.ts";
import { rollHintItem, rollHintOf } from "./roll-hint.ts";
import { HINTS_PER_PAGE, ROLL_SETTINGS, SWEEP_EVERY_MS, TOPICS_PER_PAGE } from "./roll-limits.ts";
import { rollSweepItem, rollSweepOf } from "./roll-sweep.ts";
import { type RollDependencies, Roller } from "./roller.ts";
import { NOTHING_UNROLLED, together, unrolledOf } from "./unrolled.ts";

/**
 * Rolls what is due of the queues that senders hinted at, and every six hours of all queues, until the clock says `untilMs`. Answers
 * whether that was all. Where several do so at once, or one dies, only work is lost. Errors: `StoreUnavailable`; `StoreCorrupt` at the
 * end, of a queue that was left out.
 */
export async function rollWhatIsDue(store: RollDependencies, untilMs: number): Promise<boolean> {
  const roller = new Roller(store);
  const isOver = (): boolean => store.clock.nowMs() >= untilMs;
  let corrupt: StoreCorrupt | undefined;
  const roll = async (topic: Topic, queueId: number): Promise<void> => {
    try {
      await roller.roll(topic, queueId, isOver);
    } catch (error) {
      if (!StoreCorrupt.is(error)) throw error;
      corrupt = error;
    }
  };
  const left: QueueName[] = [];
  const complete = (await takeHints(store, roll, isOver, left)) && (await sweep(store, roll, isOver));
  await roller.end();
  const merged = roller.bytes === 0 || (await mergeKeyFiles(store, isOver));
  await tellUnrolled(store, left);
  if (corrupt) throw corrupt;
  return complete && merged;
}

async function tellUnrolled(store: RollDependencies, left: readonly QueueName[]): Promise<void> {
  if (!store.onRollGauges) return;
  let gauges = NOTHING_UNROLLED;
  for (const queue of left) gauges = together(gauges, await unrolledOf(store, queue));
  store.onRollGauges(gauges);
}

type Roll = (topic: Topic, queueId: number) => Promise<void>;

/** A hint goes before its queue is rolled: one that is put meanwhile stays. `left`: queues for which there was no time. */
async function takeHints(
  { items, clock, settings }: RollDependencies,
  roll: Roll,
  isOver: () => boolean,
  left: QueueName[],
): Promise<boolean> {
  const page = await items.query({ pk: ROLL_HINTS_PK, limit: HINTS_PER_PAGE, consistent: false });
  const { dueAgeMs } = settings.rollSettings ?? ROLL_SETTINGS;
  const ripe = page.items
    .map(rollHintOf)
    .filter(({ putAtMs }) => putAtMs <= clock.nowMs() - dueAgeMs)
    .sort((one, other) => one.putAtMs - other.putAtMs);
  if (ripe.length === 0) return true;
  const topics = new Map<string, Topic>();
  for await (const item of everyItem(items, { pk: TOPICS_PK, limit: TOPICS_PER_PAGE })) {
    const topic = topicOf(item);
    topics.set(topic.uid, topic);
  }
  for (const hint of ripe) {
    if (isOver()) {
      left.push(hint);
      continue;
    }
    await items.delete(rollHintKey(hint.topicUid, hint.queueId));
    const topic = topics.get(hint.topicUid);
    if (topic) await roll(topic, hint.queueId);
    if (topic && isOver()) {
      // It may not be at its end: it is gone on with in the next run, behind those that wait.
      await items.put(rollHintItem({ ...hint, putAtMs: clock.nowMs() - dueAgeMs }));
      left.push(hint);
    }
  }
  return left.length === 0 && !page.more;
}

/** Goes on where the last call ended. */
async function sweep({ items, clock }: RollDependencies, roll: Roll, isOver: () => boolean): Promise<boolean> {
  const last = rollSweepOf(await items.get(ROLL_SWEEP_KEY, { consistent: false }));
  const nowMs = clock.nowMs();
  if (last.topic === undefined && nowMs - last.beganAtMs < SWEEP_EVERY_MS) return true;
  const beganAtMs = last.topic === undefined ? nowMs : last.beganAtMs;
  let done = last.topic;
  const from = done === undefined ? {} : { from: keyAfter(done) };
  for await (const item of everyItem(items, { pk: TOPICS_PK, limit: TOPICS_PER_PAGE, ...from })) {
    const topic = topicOf(item);
    for (let queueId = 0; queueId < topic.queuesEver && !isOver(); queueId++) await roll(topic, queueId);
    if (isOver()) {
      await items.put(rollSweepItem({ beganAtMs, topic: done ?? "" }));
      return false;
    }
    done = topic.name;
  }
  await items.put(rollSweepItem({ beganAtMs, topic: undefined }));
  return true;
}
