import { frameWeight } from "../log/frame.ts";
import type { Queue } from "../log/queue.ts";
import type { QueueReader } from "../log/queue-reader.ts";
import type { Run } from "../log/run-walk.ts";
import { type Slice, slicesOf } from "../log/slices.ts";

/** The messages from one offset up to another, in as many runs as there are gaps. Errors: `StoreUnavailable`. */
export async function runsBetween(reader: QueueReader, queue: Queue, from: number, until: number): Promise<readonly Run[]> {
  const runs: Run[] = [];
  for (let next = from; next < until; ) {
    const run = await reader.run(queue, next, until - next);
    const count = Math.min(run.available, until - run.from);
    if (count <= 0) break;
    runs.push({ ...run, available: count });
    next = run.from + count;
  }
  return runs;
}

export const slicesOfRun = ({ blocks, from, available }: Run): readonly Slice[] => slicesOf({ blocks, from, count: available });

/** About the bytes of its frame in memory. */
export const sliceWeight = ({ frame }: Slice): number => (frame ? frameWeight(frame) : 0);

/** Divides a list into parts that are worked on one after the other: each has a bounded length, and weight if it has two or more. */
export function portions<T>(all: readonly T[], lengthMax: number, weightMax: number, weigh: (one: T) => number): T[][] {
  const parts: T[][] = [];
  let left = 0;
  for (const one of all) {
    const part = parts.at(-1);
    const weight = weigh(one);
    left -= weight;
    if (part && part.length < lengthMax && left >= 0) part.push(one);
    else {
      parts.push([one]);
      left = weightMax - weight;
    }
  }
  return parts;
}
