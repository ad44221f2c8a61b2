import { z } from "zod";
import { PULL_BYTES_MAX, PULL_MESSAGES_MAX, WAIT_SECONDS_MAX } from "../../../core/limits.ts";
import { storedExample, storedMessage, unreadable } from "./messages.ts";
import { boundary, offset, queryInstant, queryInteger } from "./shared.ts";
import { filter } from "./subscriptions.ts";

export const offsetQuery = z.strictObject({
  timestamp: queryInstant("A store time: RFC 3339 or epoch ms.").meta({ example: "2026-11-29T06:00:00Z" }),
  boundary: boundary.optional(),
});

export const offsetReply = z
  .object({
    offset: offset("Of the message that `boundary` says; maxOffset where none was stored at or after the time."),
    minOffset: offset("First offset that is still stored."),
    maxOffset: offset("Next offset to be written."),
  })
  .meta({ id: "OffsetReply" });

export const offsetReplyExample = { offset: "17", minOffset: "0", maxOffset: "48" };

export const pullQuery = z.strictObject({
  offset: queryInteger(0, Number.MAX_SAFE_INTEGER, "First offset to read.").meta({ example: 0 }).optional(),
  timestamp: queryInstant("Start at the message that `boundary` says: RFC 3339 or epoch ms.").optional(),
  boundary: boundary.optional(),
  tail: queryInteger(0, Number.MAX_SAFE_INTEGER, "Start so many messages before the end.").optional(),
  limit: queryInteger(1, PULL_MESSAGES_MAX, `Messages at most; ${PULL_MESSAGES_MAX} where not given.`).optional(),
  maxBytes: queryInteger(1, PULL_BYTES_MAX, "Bytes of bodies at most; the first message comes whatever its size.").optional(),
  waitSeconds: queryInteger(0, WAIT_SECONDS_MAX, "How long to wait for a message at the end of the queue.").optional(),
  filterType: filter.shape.type.meta({ description: "How to read `expression`; TAG where not given." }).optional(),
  expression: filter.shape.expression
    .meta({ description: "Which messages to answer with, as a subscription's filter." })
    .optional(),
});

export type PullQuery = z.output<typeof pullQuery>;

export const pullReply = z
  .object({
    status: z.enum(["FOUND", "NO_NEW_MSG", "NO_MATCHED_MSG"]).meta({ id: "PullStatus" }),
    messages: z.array(storedMessage),
    nextOffset: offset("Where to go on."),
    minOffset: offset("First offset that is still stored."),
    maxOffset: offset("Next offset to be written."),
    unreadable: unreadable("Messages before `nextOffset` that are stored and cannot be read.").optional(),
  })
  .meta({ id: "PullReply" });

export const pullReplyExample = { status: "FOUND", messages: [storedExample], nextOffset: "1", minOffset: "0", maxOffset: "48" };
export const liveTailExample = `id: 0\ndata: ${JSON.stringify(storedExample)}\n\n`;
