import { queuePk } from "../keys.ts";
import type { SegmentReader } from "../segments/segment-reader.ts";
import { type Block, isLive, nextBase, storedUntilMs } from "./block.ts";
import type { BlockPages } from "./block-pages.ts";
import { firstFrom } from "./first-from.ts";
import type { QueueName } from "./queue.ts";
import { firstStoredAt, isWholeBlock, storedAtMsOf } from "./slices.ts";
import type { StoredPlace } from "./stored-place.ts";

export interface StoredSearch {
  /** Epoch ms. */
  readonly fromMs: number;
  readonly nowMs: number;
  /** What holds the first such message does not start before it. */
  readonly startAt: number;
  /** Blocks read by one query. */
  readonly pageSize: number;
}

/** What a queue is stored in. */
export interface StoredLog {
  readonly pages: BlockPages;
  readonly segments: SegmentReader;
}

/** The first message of a queue that was stored at or after a time, in the chain or in segments. */
export async function firstStored(
  { pages, segments }: StoredLog,
  queue: QueueName,
  { fromMs, nowMs, startAt, pageSize }: StoredSearch,
): Promise<StoredPlace | undefined> {
  const pk = queuePk(queue.topicUid, queue.queueId);
  const found = await firstFrom<Block>(
    {
      ascending: async (from, limit) => {
        const { blocks, more } = await pages.ascending(pk, from, limit);
        return { spans: blocks, more };
      },
      last: async () => (await pages.end(pk)).tail,
      isLive: (block) => isLive(block, nowMs),
      storedFromMs: (block) => block.storedFromMs,
      storedUntilMs,
    },
    { fromMs, startAt, pageSize },
  );
  // The last block of the chain is the newest of the queue. Without one, no segment has such a message either.
  if (!found) return undefined;
  const { span: block, before } = found;
  const reached = before ? nextBase(before) : startAt;
  // What is missing before the block may be in segments.
  const rolled =
    reached < block.base ? await segments.firstStored(queue, { fromMs, startAt: reached, until: block.base }) : undefined;
  return rolled ?? placeIn(block, fromMs);
}

function placeIn(block: Block, fromMs: number): StoredPlace {
  const offset = firstStoredAt(block, fromMs);
  return { offset, base: block.base, storedAtMs: isWholeBlock(block) ? storedAtMsOf(block, offset) : undefined };
}
