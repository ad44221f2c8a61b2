import type { Unreadable } from "../log/frame.ts";
import { type Queue, queueOf } from "../log/queue.ts";
import type { QueueLog } from "../log/queue-log.ts";
import type { Run } from "../log/run-walk.ts";
import { inGroups } from "../store/in-groups.ts";
import type { StoredMessage, Topic } from "../terms.ts";
import type { Spent } from "./candidates.ts";
import type { Position } from "./position.ts";
import { NEAR_OFFSETS, QUERY_READS_AT_ONCE, QUERY_UNPACKED_BYTES_MAX } from "./query-limits.ts";
import { runsBetween, slicesOfRun, sliceWeight } from "./runs-between.ts";

/** What is at a candidate's place: one of both, or neither if it has expired. */
export interface ReadCandidate {
  readonly at: Position;
  readonly message: StoredMessage | undefined;
  readonly unreadable: Unreadable | undefined;
}

interface Read {
  /** The first of the candidates, in their order: at least one. */
  readonly read: readonly ReadCandidate[];
  readonly spent: Spent;
}

/** A run with some candidates, and what must be unpacked to read them. */
interface Place {
  readonly queue: Queue;
  readonly run: Run;
  readonly frames: ReadonlyMap<number, { readonly frame: object; readonly weight: number }>;
}

/** Reads the first of some candidates: as many as may be unpacked at once. Errors: `StoreUnavailable`. */
export async function readCandidates(log: QueueLog, topic: Topic, candidates: readonly Position[]): Promise<Read> {
  const places = await placesOf(log, topic, candidates);
  const { count, bytes } = countToUnpack(places, candidates);
  const chosen = candidates.slice(0, count);
  const found = new Map<string, Omit<ReadCandidate, "at">>();
  await Promise.all(
    places.map(async ({ queue, run }) => {
      const { queueId } = queue;
      const within = chosen.filter(
        (one) => one.queueId === queueId && one.offset >= run.from && one.offset < run.from + run.available,
      );
      if (within.length === 0) return;
      const read = await log.messages(run, run.from, run.available, queue, new Set(within.map(({ offset }) => offset)));
      for (const message of read.messages) found.set(keyOf(message), { message, unreadable: undefined });
      for (const one of read.unreadable) found.set(keyOf({ queueId, ...one }), { message: undefined, unreadable: one });
    }),
  );
  const read = chosen.map((at) => ({ at, ...(found.get(keyOf(at)) ?? { message: undefined, unreadable: undefined }) }));
  return { read, spent: { messages: count, bytes } };
}

const keyOf = ({ queueId, offset }: Pick<Position, "queueId" | "offset">): string => `${queueId}/${offset}`;

/** Where the candidates are. Bodies in objects are not read for it. */
async function placesOf(log: QueueLog, topic: Topic, candidates: readonly Position[]): Promise<readonly Place[]> {
  const stretches = stretchesOf(candidates);
  const places = await inGroups(stretches, QUERY_READS_AT_ONCE, async ({ queueId, first, last }) => {
    const queue = queueOf(topic, queueId);
    const runs = await runsBetween(log.reader, queue, first, last + 1);
    return runs.map((run) => ({ queue, run, frames: framesIn(run) }));
  });
  return places.flat();
}

interface CandidateStretch {
  readonly queueId: number;
  readonly first: number;
  readonly last: number;
}

/** Neighbours are read together. */
function stretchesOf(candidates: readonly Position[]): readonly CandidateStretch[] {
  const stretches: CandidateStretch[] = [];
  for (const { queueId, offset } of [...candidates].sort((a, b) => a.queueId - b.queueId || a.offset - b.offset)) {
    const before = stretches.at(-1);
    const isNear = before?.queueId === queueId && offset - before.last <= NEAR_OFFSETS;
    if (before && isNear) stretches[stretches.length - 1] = { ...before, last: offset };
    else stretches.push({ queueId, first: offset, last: offset });
  }
  return stretches;
}

function framesIn(run: Run): Place["frames"] {
  const frames = new Map<number, { readonly frame: object; readonly weight: number }>();
  for (const slice of slicesOfRun(run)) {
    const weighed = { frame: slice.frame ?? slice, weight: sliceWeight(slice) };
    for (let index = 0; index < slice.count; index++) frames.set(slice.offset + index, weighed);
  }
  return frames;
}

/** How many of the candidates have frames that may be unpacked at once; at least one. */
function countToUnpack(
  places: readonly Place[],
  candidates: readonly Position[],
): { readonly count: number; readonly bytes: number } {
  const frames = new Set<object>();
  let bytes = 0;
  for (const [index, { queueId, offset }] of candidates.entries()) {
    const place = places.find(({ queue, frames: inRun }) => queue.queueId === queueId && inRun.has(offset));
    const one = place?.frames.get(offset);
    if (!one || frames.has(one.frame)) continue;
    if (index > 0 && bytes + one.weight > QUERY_UNPACKED_BYTES_MAX) return { count: index, bytes };
    frames.add(one.frame);
    bytes += one.weight;
  }
  return { count: candidates.length, bytes };
}
