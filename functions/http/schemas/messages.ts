import { z } from "zod";
import {
  DEDUP_KEY_CHARS_MAX,
  DEDUP_WINDOW_SECONDS_DEFAULT,
  DEDUP_WINDOW_SECONDS_MAX,
  DEDUP_WINDOW_SECONDS_MIN,
  KEY_CHARS_MAX,
  KEYS_MAX,
  MAX_ATTEMPTS_MAX,
  MESSAGE_GROUP_CHARS_MAX,
  MESSAGE_ID_CHARS_MAX,
  PRIORITY_MAX,
  PRODUCER_ID_CHARS_MAX,
  PROPERTIES_BYTES_MAX,
  PROPERTIES_MAX,
  SEND_ENTRIES_MAX,
  TAG_CHARS_MAX,
} from "../../../core/limits.ts";
import { DELAY_LEVELS_SECONDS, DELAY_MS_MAX } from "../../../core/timer/timer-limits.ts";
import {
  atMostOneOf,
  count,
  discriminatedBy,
  entryError,
  INT32_MAX,
  integer,
  offset,
  queueId,
  shownAs,
  time,
  writtenInstant,
} from "./shared.ts";

const BODY_ENCODINGS = ["utf8", "base64", "json"] as const;

/** Only documented here: the broker checks it, for every way that a message comes in. */
const NO_CONTROL_CHARACTERS = "^[^\\u0000-\\u001f\\u007f]+$";
const nonEmpty = (pattern = NO_CONTROL_CHARACTERS) => ({ minLength: 1, pattern });

const text = (charsMax: number) => z.string("Must be a string.").max(charsMax, `Must have at most ${charsMax} characters.`);

const TAG_PATTERN = "^[^\\u0000-\\u001f\\u007f|]+$";
const KEY_PATTERN = "^[^\\u0000-\\u001f\\u007f\\s]+$";

// Fields that belong together, and fields that exclude each other. `decodeMessage` checks them.
export const IDENTITY_TOGETHER = {
  dependentRequired: { producerId: ["sequence"], sequence: ["producerId"], dedupWindowSeconds: ["dedupKey"] },
};
export const ONE_IDENTITY = atMostOneOf("dedupKey", "producerId");

// Every message of every send runs through this schema, so it has only plain checks that compile well.
export const message = z
  .strictObject({
    body: z
      .unknown()
      .refine((body) => body !== undefined, "Is required.")
      .meta({ description: "A string; with bodyEncoding json any JSON value, stored as its serialization." }),
    bodyEncoding: z
      .enum(BODY_ENCODINGS, "Must be utf8, base64 or json.")
      .meta({ id: "BodyEncoding", description: "What `body` is; utf8 where not given." })
      .optional(),
    tag: text(TAG_CHARS_MAX)
      .optional()
      .meta({ ...nonEmpty(TAG_PATTERN), description: "What it is about, for filters." }),
    keys: z
      .array(text(KEY_CHARS_MAX).meta(nonEmpty(KEY_PATTERN)), "Must be an array of strings.")
      .max(KEYS_MAX, `Must have at most ${KEYS_MAX} keys.`)
      .optional()
      .meta({ description: "What it is known by elsewhere, such as the number of an order." }),
    properties: z
      .custom<Readonly<Record<string, unknown>>>(
        (value) => typeof value === "object" && value !== null && !Array.isArray(value),
        "Must be an object of strings.",
      )
      .optional()
      .meta({
        ...shownAs({
          type: "object",
          maxProperties: PROPERTIES_MAX,
          propertyNames: nonEmpty(),
          additionalProperties: { type: "string", pattern: "^[^\\u0000-\\u001f\\u007f]*$" },
        }),
        description: `At most ${PROPERTIES_MAX} pairs and ${PROPERTIES_BYTES_MAX} bytes.`,
      }),
    messageGroup: text(MESSAGE_GROUP_CHARS_MAX)
      .optional()
      .meta({ ...nonEmpty(), description: "Messages of one group are delivered in order." }),
    priority: integer(0, PRIORITY_MAX, "The highest is delivered first. All from queues − 1 on are alike.").optional(),
    messageId: text(MESSAGE_ID_CHARS_MAX)
      .optional()
      .meta({ ...nonEmpty(), description: "Chosen by the broker where not given." }),
    delaySeconds: z
      .number("Must be a number of seconds.")
      .optional()
      .meta({
        minimum: 0,
        maximum: DELAY_MS_MAX / 1_000,
        description: "Deliver it so much later, to the millisecond; at most ten years.",
      }),
    delayLevel: integer(
      1,
      DELAY_LEVELS_SECONDS.length,
      "RocketMQ's levels: 1 s, 5 s, 10 s, 30 s, 1 … 10 min, 20 min, 30 min, 1 h, 2 h.",
    ).optional(),
    deliverAt: writtenInstant.optional().meta({ description: "Deliver it then; at once where that is past." }),
    dedupKey: text(DEDUP_KEY_CHARS_MAX)
      .optional()
      .meta({ ...nonEmpty(), description: "Sends with the same key are stored once and answered alike while the window lasts." }),
    dedupWindowSeconds: integer(
      DEDUP_WINDOW_SECONDS_MIN,
      DEDUP_WINDOW_SECONDS_MAX,
      `${DEDUP_WINDOW_SECONDS_DEFAULT} where not given.`,
    ).optional(),
    producerId: text(PRODUCER_ID_CHARS_MAX)
      .optional()
      .meta({
        ...nonEmpty(),
        description: "Numbers its messages to this topic with `sequence`: each is stored once, a gap is refused.",
      }),
    sequence: integer(0, Number.MAX_SAFE_INTEGER, "Follows the producer's last one; a repeat is answered alike.").optional(),
  })
  .meta({
    id: "Message",
    description: "At most one of delaySeconds, delayLevel and deliverAt; a dedupKey, or a producerId and its sequence.",
    ...IDENTITY_TOGETHER,
    dependentSchemas: { ...ONE_IDENTITY, ...atMostOneOf("delaySeconds", "delayLevel", "deliverAt") },
  });

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

/** One shape for both kinds of receipt, so that generated clients can read an offset without a case distinction. */
export const sendReceipt = z
  .object({
    messageId: z.string(),
    topic: z.string(),
    status: z.literal("SEND_OK"),
    duplicate: z.boolean().meta({ description: "It was stored before, by a send with the same identity." }),
    queueId: queueId.optional(),
    offset: offset("Its place in the queue.").optional(),
    deliverAt: time("When it is due, where that is later: it has no place in a queue before.").optional(),
    recallHandle: z.string().meta({ description: "The right to cancel or reschedule what is due later." }).optional(),
  })
  .meta({
    id: "SendReceipt",
    description: "`queueId` and `offset`, or `deliverAt` and `recallHandle` for what is delivered later.",
    minProperties: 6,
    dependentRequired: {
      queueId: ["offset"],
      offset: ["queueId"],
      deliverAt: ["recallHandle"],
      recallHandle: ["deliverAt"],
    },
  });

const failedEntry = z.object({ status: z.literal("error"), error: entryError }).meta({ id: "FailedEntry" });
const batchResult = z
  .discriminatedUnion("status", [sendReceipt, failedEntry])
  .meta({ id: "BatchResult", ...discriminatedBy("status", { SEND_OK: "SendReceipt", error: "FailedEntry" }) });

export const batchResults = z
  .object({ results: z.array(batchResult) })
  .meta({ id: "BatchResults", description: "One result per entry, in order." });

export const storedFields = {
  messageId: z.string(),
  topic: z.string(),
  queueId,
  offset: offset("Its place in the queue."),
  tag: z.string().nullable(),
  keys: z.array(z.string()),
  properties: z.record(z.string(), z.string()),
  messageGroup: z.string().nullable(),
  priority: count("Of a message that was sent with one.", PRIORITY_MAX).optional(),
  bornAt: time("When its producer made it."),
  storedAt: time("When the broker stored it."),
  body: z.string(),
  bodyEncoding: z
    .enum(["utf8", "base64"])
    .meta({ id: "StoredBodyEncoding", description: "What `body` is; utf8 when the bytes are valid UTF-8." }),
};

export const storedMessage = z.object(storedFields).meta({ id: "StoredMessage" });

export const receivedMessage = z
  .object({
    ...storedFields,
    attempt: count("Deliveries to this group, this one included.", INT32_MAX),
    maxAttempts: count("Deliveries before it is dead-lettered.", MAX_ATTEMPTS_MAX),
    leaseUntil: time("When it is delivered again unless it was settled."),
    receiptHandle: z.string().meta({ description: "The right to settle it." }),
  })
  .meta({ id: "ReceivedMessage" });

export const unreadableEntry = z
  .object({ offset: offset("Its place."), reason: z.string().meta({ description: "What is wrong with it." }) })
  .meta({ id: "UnreadableEntry" });
export const unreadable = (description: string) => z.array(unreadableEntry).meta({ description });

export const messageExample = {
  body: { orderId: 42, total: 99.5 },
  bodyEncoding: "json",
  tag: "created",
  keys: ["order-42"],
  properties: { region: "eu" },
  messageGroup: "customer-7",
};
export const batchExample = {
  entries: [
    { body: "order 43 was paid", tag: "paid", properties: { region: "eu" } },
    { body: "order 44 is to be shipped", tag: "shipping", delaySeconds: 3_600 },
  ],
};
export const sendReceiptExample = {
  messageId: "01A225E5444586D2252872AFEF9F0000",
  topic: "orders",
  status: "SEND_OK",
  duplicate: false,
  queueId: 2,
  offset: "0",
};
export const batchResultsExample = {
  results: [
    { ...sendReceiptExample, messageId: "01A225E5444E1BD07C9D2972AAF10000", queueId: 0 },
    {
      messageId: "01A225E5444E60CDEE62B2972AAF0000",
      topic: "orders",
      status: "SEND_OK",
      duplicate: false,
      deliverAt: "2026-11-29T07:01:51.950Z",
      recallHandle: "AQhaQlVtNmJYegIBoiYcMs4gMDFBMjI1RTU0NDRFNjBDREVFNjJCMjk3MkFBRjAwMDACQTcLIgHxb9RW4ADNFtIi",
    },
  ],
};
export const storedExample = {
  messageId: "01A225E5444586D2252872AFEF9F0000",
  topic: "orders",
  queueId: 2,
  offset: "0",
  tag: "created",
  keys: ["order-42"],
  properties: { region: "eu" },
  messageGroup: "customer-7",
  bornAt: "2026-11-29T06:01:51.940Z",
  storedAt: "2026-11-29T06:01:51.941Z",
  body: '{"orderId":42,"total":99.5}',
  bodyEncoding: "utf8",
};
