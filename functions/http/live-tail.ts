import type { Broker, PullResult } from "../../core/broker.ts";
import { BrokerError } from "../../core/errors.ts";
import type { StoredMessage } from "../../core/terms.ts";
import type { LongPolls } from "./long-polls.ts";
import { storedMessageJson } from "./message-json.ts";
import { errorJson, toBrokerError } from "./problem.ts";

/** A comment goes out when nothing else did for so long, so that proxies keep the connection and a dead client is noticed. */
const HEARTBEAT_MS = 15_000;
const HEARTBEAT = Buffer.from(": heartbeat\n\n");

export interface LiveTail {
  readonly broker: Broker;
  readonly longPolls: LongPolls;
  readonly topic: string;
  readonly queueId: number;
  readonly limit: number;
  readonly maxBytes: number;
  /** What the first pull found: the stream starts with it. */
  readonly first: Exclude<PullResult, { status: "OFFSET_ILLEGAL" }>;
  readonly disconnected: AbortSignal;
}

/**
 * A queue as server-sent events, each with its offset as id. The next page is pulled when the client has taken the one before,
 * so a slow reader holds one page. Ends with the client, with the server, or with an `error` event when the queue cannot be
 * read on.
 */
export function liveTail(tail: LiveTail): ReadableStream<Uint8Array> {
  let offset = tail.first.nextOffset;
  let waiting: readonly StoredMessage[] = tail.first.messages;
  const pull = (signal: AbortSignal): Promise<PullResult> => {
    const { limit, maxBytes } = tail;
    return tail.broker.pullMessages(
      tail.topic,
      tail.queueId,
      { from: { offset }, limit, maxBytes, waitMs: HEARTBEAT_MS },
      signal,
    );
  };
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        if (waiting.length > 0) {
          controller.enqueue(events(waiting, tail.topic));
          waiting = [];
          return;
        }
        try {
          const result = await tail.longPolls.run(tail.disconnected, pull);
          if (result.status === "OFFSET_ILLEGAL") throw offsetIllegal(offset, result);
          offset = result.nextOffset;
          if (result.messages.length > 0) controller.enqueue(events(result.messages, tail.topic));
          else if (tail.longPolls.ended || tail.disconnected.aborted) controller.close();
          else controller.enqueue(HEARTBEAT);
        } catch (error) {
          controller.enqueue(Buffer.from(`event: error\ndata: ${JSON.stringify(errorJson(toBrokerError(error)))}\n\n`));
          controller.close();
        }
      },
    },
    { highWaterMark: 0 },
  );
}

function events(messages: readonly StoredMessage[], topic: string): Buffer {
  const text = messages.map((message) => `id: ${message.offset}\ndata: ${JSON.stringify(storedMessageJson(message, topic))}\n\n`);
  return Buffer.from(text.join(""));
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
