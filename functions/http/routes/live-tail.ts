import type { Broker } from "../../../core/broker.ts";
import { BrokerError } from "../../../core/errors.ts";
import type { PullResult } from "../../../core/requests.ts";
import type { Filter, StoredMessage } from "../../../core/terms.ts";
import type { AnswerLimits } from "../bounds/answer-limits.ts";
import type { AnswerMemory } from "../bounds/answer-memory.ts";
import type { LongPolls } from "../bounds/long-polls.ts";
import { pageJson, storedMessageJson } from "../json/message-json.ts";
import { errorJson, toBrokerError } from "../problem.ts";

/** A comment is sent if nothing else was for this long, so that proxies keep the connection and a dead client is noticed. */
const HEARTBEAT_MS = 15_000;
const HEARTBEAT = Buffer.from(": heartbeat\n\n");

/** How soon a client comes back after its stream was handed over whole. */
const RETRY_MS = 500;

export interface LiveTail {
  readonly broker: Broker;
  readonly longPolls: LongPolls;
  readonly answers: AnswerLimits;
  readonly answerMemory: AnswerMemory | undefined;
  readonly topic: string;
  readonly queueId: number;
  readonly limit: number;
  readonly maxBytes: number;
  readonly filter: Filter | undefined;
  /** The result of the first pull, with which the stream starts. */
  readonly first: Exclude<PullResult, { status: "OFFSET_ILLEGAL" }>;
  readonly disconnected: AbortSignal;
}

/**
 * A queue as server-sent events, each with its offset as id. The next page is pulled when the client has taken the one before, so a
 * slow reader holds one page. Ends with the client, with the server, or with an `error` event if the queue cannot be read further.
 */
export function liveTail(tail: LiveTail): ReadableStream<Uint8Array> {
  let offset = tail.first.nextOffset;
  let waiting = pageEvents(tail.first, tail);
  let taken = () => {};
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        // The client has taken the page before.
        taken();
        const enqueue = (text: string) => {
          const bytes = Buffer.from(text);
          const cut = () => controller.error(new Error("the client does not take what it asked for"));
          taken = tail.answerMemory?.hold(bytes.length, cut) ?? taken;
          controller.enqueue(bytes);
        };
        if (waiting !== "") {
          enqueue(waiting);
          waiting = "";
          return;
        }
        try {
          const page = await nextPage(tail, offset);
          offset = page.nextOffset;
          const text = pageEvents(page, tail);
          const over = tail.longPolls.ended || tail.disconnected.aborted;
          if (text !== "") enqueue(text);
          else if (!over) controller.enqueue(HEARTBEAT);
          if (over && page.messages.length === 0) controller.close();
        } catch (error) {
          controller.enqueue(Buffer.from(`event: error\ndata: ${JSON.stringify(errorJson(toBrokerError(error)))}\n\n`));
          controller.close();
        }
      },
      cancel: () => taken(),
    },
    { highWaterMark: 0 },
  );
}

/**
 * As `liveTail`, for answers that are handed over whole: the messages that exist, or those that come within one wait. It ends with the
 * id to continue after, even if no event has that id, so a client that comes back with it misses nothing.
 */
export async function wholeTail(tail: LiveTail): Promise<string> {
  const page = tail.first.messages.length > 0 ? tail.first : await nextPage(tail, tail.first.nextOffset);
  return `retry: ${RETRY_MS}\n${events(page.messages, tail)}id: ${page.nextOffset - 1}\n\n`;
}

/** The messages that come after `offset` within one wait. Errors: OFFSET_ILLEGAL. */
async function nextPage(tail: LiveTail, offset: number): Promise<LiveTail["first"]> {
  const { broker, longPolls, topic, queueId, limit, maxBytes, filter, disconnected } = tail;
  const request = { from: { offset }, limit, maxBytes, filter, waitMs: longPolls.bound(HEARTBEAT_MS) };
  const result = await longPolls.run(disconnected, (signal) => broker.pullMessages(topic, queueId, request, signal));
  if (result.status === "OFFSET_ILLEGAL") throw offsetIllegal(offset, result);
  return result;
}

/** The events of a page. If it went on past them, an id without an event follows, from which a client can continue. */
function pageEvents(page: LiveTail["first"], tail: LiveTail): string {
  const lastOffset = page.nextOffset - 1;
  const text = events(page.messages, tail);
  return page.status === "NO_NEW_MSG" || page.messages.at(-1)?.offset === lastOffset ? text : `${text}id: ${lastOffset}\n\n`;
}

function events(messages: readonly StoredMessage[], { topic, answers }: LiveTail): string {
  const page = pageJson(messages, answers, (message, bodies) => storedMessageJson(message, topic, bodies));
  return page.map((message) => `id: ${message.offset}\ndata: ${JSON.stringify(message)}\n\n`).join("");
}

export function offsetIllegal(
  asked: number | undefined,
  range: { readonly minOffset: number; readonly maxOffset: number },
): BrokerError {
  const minOffset = String(range.minOffset);
  const maxOffset = String(range.maxOffset);
  const what = asked === undefined ? "The position asked for" : `Offset ${asked}`;
  const detail = `${what} is outside the queue. Pull from ${minOffset} to ${maxOffset}.`;
  return new BrokerError("OFFSET_ILLEGAL", detail, { members: { minOffset, maxOffset } });
}
