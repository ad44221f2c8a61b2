import { type Queue, queueOf } from "../log/queue.ts";
import type { QueueReader } from "../log/queue-reader.ts";
import { inGroups } from "../store/in-groups.ts";
import type { Topic } from "../terms.ts";
import type { Search, Spent, Step, Window } from "./candidates.ts";
import { byNewest, isNewer, newestFirst, type Position } from "./position.ts";
import { QUERY_BYTES_MAX, QUERY_READS_AT_ONCE, QUERY_UNPACKED_BYTES_MAX } from "./query-limits.ts";
import { QueueWalk, type Sift } from "./queue-walk.ts";
import { portions } from "./runs-between.ts";

export interface Scanning {
  readonly reader: QueueReader;
  /** Default: every message is wanted, and none need be unpacked. */
  readonly sift?: Sift | undefined;
  /** Called between reads: other work gets its turn. */
  readonly pause: () => Promise<void>;
}

/**
 * Searches a window of a topic by reading all of it, newest first. Each queue is walked backwards, and what they find is merged: a
 * message is told once every queue was looked at down to its place.
 */
export class NewestFirst implements Search {
  readonly #scanning: Scanning;
  readonly #queues: readonly Queue[];
  readonly #window: Window;
  #walks: readonly QueueWalk[] | undefined;

  constructor(scanning: Scanning, topic: Topic, window: Window) {
    this.#scanning = scanning;
    this.#queues = Array.from({ length: topic.queuesEver }, (_, queueId) => queueOf(topic, queueId));
    this.#window = window;
  }

  async step(): Promise<Step> {
    const walks = this.#walks ?? (await this.#open());
    const spent = await this.#goOn(this.#walks ? behind(walks) : walks);
    this.#walks = walks;
    const reached = openWalks(walks)[0]?.reached;
    const isDue = (position: Position): boolean => !reached || !isNewer(reached, position);
    return { found: newestFirst(walks.flatMap((walk) => walk.take(isDue))), reached, spent };
  }

  async #open(): Promise<readonly QueueWalk[]> {
    const { reader } = this.#scanning;
    const strideBytes = Math.floor(QUERY_BYTES_MAX / this.#queues.length);
    const open = (queue: Queue) => QueueWalk.open(reader, queue, this.#window, strideBytes);
    return inGroups(this.#queues, QUERY_READS_AT_ONCE, open);
  }

  /** Reads one stride of each of these. */
  async #goOn(walks: readonly QueueWalk[]): Promise<Spent> {
    const { sift, pause } = this.#scanning;
    let [messages, bytes] = [0, 0];
    const open = walks.filter(({ isOver }) => !isOver);
    for (let from = 0; from < open.length; from += QUERY_READS_AT_ONCE) {
      const some = open.slice(from, from + QUERY_READS_AT_ONCE);
      const read = await Promise.all(some.map(async (walk) => ({ walk, stride: await walk.read(sift !== undefined) })));
      for (const part of portions(read, read.length, QUERY_UNPACKED_BYTES_MAX, ({ stride }) => stride.weight)) {
        await pause();
        const spent = await Promise.all(part.map(({ walk, stride }) => walk.look(stride, sift)));
        messages += spent.reduce((sum, one) => sum + one.messages, 0);
        bytes += spent.reduce((sum, one) => sum + one.bytes, 0);
      }
    }
    return { messages, bytes };
  }
}

/** How far the queues that are not over were walked, the one that the others wait for first. */
function openWalks(walks: readonly QueueWalk[]) {
  const open = walks.flatMap((walk) => (walk.isOver || !walk.reached ? [] : [{ walk, reached: walk.reached }]));
  return open.sort((a, b) => byNewest(a.reached, b.reached));
}

/** The queue that the others wait for, and those that they would wait for once it has gone on. */
function behind(walks: readonly QueueWalk[]): readonly QueueWalk[] {
  const open = openWalks(walks);
  const untilMs = open[0]?.walk.expectedMs ?? 0;
  return open
    .filter(({ reached }, index) => index === 0 || reached.storedAtMs >= untilMs)
    .slice(0, QUERY_READS_AT_ONCE)
    .map(({ walk }) => walk);
}
