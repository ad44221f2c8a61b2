import type { components } from "./api-types.ts";
import { ApogeeError, mayPass } from "./apogee-error.ts";
import { Handover } from "./handover.ts";
import { StoredMessage } from "./message.ts";
import { WAIT_SECONDS_MAX } from "./receiver.ts";
import { backoffMs } from "./retry.ts";
import { instantOf } from "./send.ts";
import type { Transport } from "./transport.ts";

type PullReply = components["schemas"]["PullReply"];
type QueueList = components["schemas"]["QueueList"];

/** Where reading begins: an offset, a time, or an end of the queue. */
export type ReadFrom = "earliest" | "latest" | { readonly offset: string | number | bigint } | Date;

export interface ReadOptions {
  /** Default: `earliest` to read, `latest` to follow. */
  readonly from?: ReadFrom;
  /** A TAG expression such as `created || paid`: only messages that match. */
  readonly tag?: string;
  /** A SQL92 expression over properties, in place of `tag`. */
  readonly filter?: string;
  readonly signal?: AbortSignal;
}

const PULL_MAX = 32;

/** One queue of a topic. Reading takes nothing out of it. */
export class Queue {
  readonly #transport: Transport;
  readonly #topic: string;
  readonly #queueId: number;

  constructor(transport: Transport, topic: string, queueId: number) {
    this.#transport = transport;
    this.#topic = topic;
    this.#queueId = queueId;
  }

  /** The messages from there to the end that the queue has when the reader gets there. */
  read(options: ReadOptions = {}): AsyncGenerator<StoredMessage, void, undefined> {
    return this.#messages(options, options.from ?? "earliest", 0);
  }

  /**
   * Follows the queue until the signal aborts. Goes on by itself after failures that pass, and at the first message there is if those
   * before it have expired.
   */
  follow(options: ReadOptions = {}): AsyncGenerator<StoredMessage, void, undefined> {
    return this.#messages(options, options.from ?? "latest", WAIT_SECONDS_MAX);
  }

  async *#messages(options: ReadOptions, from: ReadFrom, waitSeconds: number): AsyncGenerator<StoredMessage, void, undefined> {
    const { filter, tag, signal } = options;
    const filtering = filter === undefined ? { expression: tag } : { filterType: "SQL92", expression: filter };
    let start = startOf(from);
    let failures = 0;
    let hasRead = false;
    while (!signal?.aborted) {
      try {
        // The first pull does not wait: it finds the offset at which a reader that starts at the end goes on.
        const wait = start.offset === undefined ? 0 : waitSeconds;
        const page = await this.#pull({ ...start, ...filtering, limit: PULL_MAX, waitSeconds: wait }, wait, signal);
        failures = 0;
        hasRead = true;
        start = { offset: page.nextOffset };
        for (const message of page.messages) yield new StoredMessage(message);
        if (waitSeconds === 0 && page.status === "NO_NEW_MSG" && BigInt(page.nextOffset) >= BigInt(page.maxOffset)) return;
      } catch (error) {
        if (signal?.aborted) return;
        const { minOffset, maxOffset } = illegalOffset(error);
        // Retention went past the reader. Or it was behind the end: of a topic that was made anew, all is news.
        if (minOffset !== undefined && BigInt(start.offset ?? 0) < BigInt(minOffset)) start = { offset: minOffset };
        else if (maxOffset !== undefined && waitSeconds > 0) start = { offset: hasRead ? (minOffset ?? maxOffset) : maxOffset };
        else if (waitSeconds === 0 || !mayPass(error)) throw error;
        else await this.#transport.clock.sleep(backoffMs(this.#transport.retry, ++failures), signal);
      }
    }
  }

  #pull(query: Record<string, unknown>, waitSeconds: number, signal: AbortSignal | undefined): Promise<PullReply> {
    const path = `/v1/topics/${encodeURIComponent(this.#topic)}/queues/${this.#queueId}/messages`;
    return this.#transport.call({ method: "get", path, query, waitSeconds, signal });
  }
}

interface Start {
  readonly offset?: string;
  readonly timestamp?: string | number;
  readonly tail?: number;
}

function startOf(from: ReadFrom): Start {
  if (from === "earliest") return { offset: "0" };
  if (from === "latest") return { tail: 0 };
  return from instanceof Date ? { timestamp: instantOf(from) } : { offset: String(from.offset) };
}

function illegalOffset(error: unknown): { readonly minOffset?: string; readonly maxOffset?: string } {
  return ApogeeError.is(error) && error.code === "OFFSET_ILLEGAL"
    ? ((error.problem as { minOffset?: string } | undefined) ?? {})
    : {};
}

/**
 * All queues of a topic as one sequence. What is there is merged by store time, queue by queue; what comes later is shown as it comes.
 * Queues that the topic gets later are not part of it.
 */
export async function* mergeQueues(
  transport: Transport,
  topic: string,
  options: ReadOptions & { readonly follow?: boolean },
): AsyncGenerator<StoredMessage, void, undefined> {
  const { signal } = options;
  const path = `/v1/topics/${encodeURIComponent(topic)}/queues`;
  const list = await transport.call<QueueList>({ method: "get", path, signal }).catch((error) => {
    if (!signal?.aborted) throw error;
  });
  if (list === undefined) return;
  const ending = new AbortController();
  const end = (): void => ending.abort();
  signal?.addEventListener("abort", end);
  const queues = list.items.map(({ queueId, maxOffset }) => ({
    queueId,
    maxOffset,
    queue: new Queue(transport, topic, queueId),
  }));
  const reading = { ...options, signal: ending.signal };
  try {
    if (!options.follow) yield* byStoreTime(queues.map(({ queue }) => queue.read(reading)));
    else {
      const next = new Map<number, ReadFrom>();
      if (options.from !== undefined && options.from !== "latest") {
        const there = queues.map(({ queue, maxOffset }) => before(maxOffset, queue.read(reading)));
        yield* noting(next, byStoreTime(there));
      }
      yield* asTheyCome(
        queues.map(({ queueId, queue }) => {
          const from = next.get(queueId) ?? options.from;
          return queue.follow({ ...reading, ...(from !== undefined && { from }) });
        }),
      );
    }
  } finally {
    end();
    signal?.removeEventListener("abort", end);
  }
}

/** Those with lower offsets. */
async function* before(offset: string, messages: Reader): Reader {
  for await (const message of messages) {
    if (BigInt(message.offset) >= BigInt(offset)) return;
    yield message;
  }
}

/** Notes, by queue, where to go on. Ends early at a failure that a follower goes on after. */
async function* noting(next: Map<number, ReadFrom>, messages: Reader): Reader {
  try {
    for await (const message of messages) {
      next.set(message.queueId, { offset: BigInt(message.offset) + 1n });
      yield message;
    }
  } catch (error) {
    const isOver = mayPass(error) || (ApogeeError.is(error) && error.code === "OFFSET_ILLEGAL");
    if (!isOver) throw error;
  }
}

type Reader = AsyncGenerator<StoredMessage, void, undefined>;

async function* byStoreTime(readers: readonly Reader[]): Reader {
  const heads = new Map<Reader, StoredMessage>();
  const advance = async (reader: Reader): Promise<void> => {
    const { value } = await reader.next();
    if (value) heads.set(reader, value);
    else heads.delete(reader);
  };
  await Promise.all(readers.map(advance));
  while (heads.size > 0) {
    const [[reader, first]] = [...heads].sort(([, a], [, b]) => Date.parse(a.storedAt) - Date.parse(b.storedAt)) as [
      [Reader, StoredMessage],
    ];
    yield first;
    await advance(reader);
  }
}

function asTheyCome(readers: readonly Reader[]): Reader {
  const handover = new Handover<StoredMessage>();
  const pass = async (reader: Reader): Promise<void> => {
    for await (const message of reader) await handover.offer(message);
  };
  Promise.all(readers.map(pass)).then(handover.end, handover.fail);
  return handover.taken();
}
