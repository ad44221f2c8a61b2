import { z } from "zod";
import {
  DEDUP_KEY_CHARS_MAX,
  DEDUP_WINDOW_SECONDS_DEFAULT,
  DEDUP_WINDOW_SECONDS_MAX,
  DEDUP_WINDOW_SECONDS_MIN,
  KEY_CHARS_MAX,
  KEYS_MAX,
  MESSAGE_GROUP_CHARS_MAX,
  MESSAGE_ID_CHARS_MAX,
  PRODUCER_ID_CHARS_MAX,
  PROPERTIES_BYTES_MAX,
  PROPERTIES_MAX,
  SEND_ENTRIES_MAX,
  TAG_CHARS_MAX,
} from "../../../core/limits.ts";
import { DELAY_LEVELS_SECONDS } from "../../../core/timer/timer-limits.ts";
import { entryError, integer, offset, time } from "./shared.ts";

export const BODY_ENCODINGS = ["utf8", "base64", "json"] as const;

const text = (charsMax: number) => z.string("Must be a string.").max(charsMax, `Must have at most ${charsMax} characters.`);

// The one schema that every message of every send runs through: plain checks that compile well.
export const message = z
  .strictObject({
    body: z
      .unknown()
      .refine((body) => body !== undefined, "Is required.")
      .meta({ description: "A string; with bodyEncoding json any JSON value, stored as its serialization." }),
    bodyEncoding: z
      .enum(BODY_ENCODINGS, "Must be utf8, base64 or json.")
      .optional()
      .meta({ description: "utf8 where not given." }),
    tag: text(TAG_CHARS_MAX).optional(),
    keys: z
      .array(text(KEY_CHARS_MAX), "Must be an array of strings.")
      .max(KEYS_MAX, `Must have at most ${KEYS_MAX} keys.`)
      .optional(),
    properties: z
      .custom<Readonly<Record<string, unknown>>>(
        (value) => typeof value === "object" && value !== null && !Array.isArray(value),
        "Must be an object of strings.",
      )
      .optional()
      .meta({
        type: "object",
        additionalProperties: { type: "string" },
        description: `At most ${PROPERTIES_MAX} pairs and ${PROPERTIES_BYTES_MAX} bytes.`,
      }),
    messageGroup: text(MESSAGE_GROUP_CHARS_MAX).optional().meta({ description: "Messages of one group are delivered in order." }),
    priority: integer(0, 255, "0 … queues − 1; the highest is delivered first.").optional(),
    messageId: text(MESSAGE_ID_CHARS_MAX).optional().meta({ description: "Chosen by the broker where not given." }),
    delaySeconds: z
      .number("Must be a number of seconds.")
      .optional()
      .meta({ description: "Deliver it so much later, to the millisecond; at most ten years." }),
    delayLevel: integer(
      1,
      DELAY_LEVELS_SECONDS.length,
      "RocketMQ's levels: 1 s, 5 s, 10 s, 30 s, 1 … 10 min, 20 min, 30 min, 1 h, 2 h.",
    ).optional(),
    deliverAt: z
      .union([z.string(), z.number()], "Must be an RFC 3339 time or epoch milliseconds.")
      .optional()
      .meta({ description: "Deliver it then; at once where that is past." }),
    dedupKey: text(DEDUP_KEY_CHARS_MAX)
      .optional()
      .meta({ description: "Sends with the same key are stored once and answered alike while the window lasts." }),
    dedupWindowSeconds: integer(
      DEDUP_WINDOW_SECONDS_MIN,
      DEDUP_WINDOW_SECONDS_MAX,
      `${DEDUP_WINDOW_SECONDS_DEFAULT} where not given.`,
    ).optional(),
    producerId: text(PRODUCER_ID_CHARS_MAX)
      .optional()
      .meta({ description: "Numbers its messages to this topic with `sequence`: each is stored once, a gap is refused." }),
    sequence: integer(0, Number.MAX_SAFE_INTEGER, "Follows the producer's last one; a repeat is answered alike.").optional(),
  })
  .meta({ id: "Message" });

export type MessageEnvelope = z.output<typeof message>;

/** Entries are checked one by one: a wrong one fails alone. */
export const batch = z.strictObject({
  entries: z
    .array(z.unknown(), "Must be an array of messages.")
    .min(1, "Must have at least one entry.")
    .max(SEND_ENTRIES_MAX, `Must have at most ${SEND_ENTRIES_MAX} entries.`),
});

export const documentedBatch = z
  .strictObject({ entries: z.array(message).min(1).max(SEND_ENTRIES_MAX) })
  .meta({ id: "MessageBatch" });

const receiptFields = {
  messageId: z.string(),
  topic: z.string(),
  status: z.literal("SEND_OK"),
  duplicate: z.boolean().meta({ description: "It was stored before, by a send with the same identity." }),
};

export const sendReceipt = z
  .union([
    z.object({ ...receiptFields, queueId: z.number().int(), offset: offset("Its place in the queue.") }),
    z.object({
      ...receiptFields,
      deliverAt: time("When it is due: it has no offset before."),
      recallHandle: z.string().meta({ description: "The right to cancel or reschedule it." }),
    }),
  ])
  .meta({ id: "SendReceipt" });

export const batchResults = z
  .object({ results: z.array(z.union([sendReceipt, z.object({ status: z.literal("error"), error: entryError })])) })
  .meta({ id: "BatchResults", description: "One result per entry, in order." });

export const storedFields = {
  messageId: z.string(),
  topic: z.string(),
  queueId: z.number().int(),
  offset: offset("Its place in the queue."),
  tag: z.string().nullable(),
  keys: z.array(z.string()),
  properties: z.record(z.string(), z.string()),
  messageGroup: z.string().nullable(),
  priority: z.number().int().optional(),
  bornAt: time("When its producer made it."),
  storedAt: time("When the broker stored it."),
  body: z.string(),
  bodyEncoding: z.enum(["utf8", "base64"]).meta({ description: "utf8 when the body is valid UTF-8." }),
};

export const storedMessage = z.object(storedFields).meta({ id: "StoredMessage" });

export const receivedMessage = z
  .object({
    ...storedFields,
    attempt: z.number().int().meta({ description: "Deliveries to this group, this one included." }),
    maxAttempts: z.number().int(),
    leaseUntil: time("When it is delivered again unless it was settled."),
    receiptHandle: z.string().meta({ description: "The right to settle it." }),
  })
  .meta({ id: "ReceivedMessage" });

export const unreadable = (description: string) =>
  z
    .array(z.object({ offset: offset("Its place."), reason: z.string().meta({ description: "What is wrong with it." }) }))
    .meta({ description });
