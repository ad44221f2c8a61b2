import { z } from "zod";
import {
  ATTEMPT_ID_CHARS_MAX,
  LEASE_SECONDS_MAX,
  LEASE_SECONDS_MIN,
  REASON_CHARS_MAX,
  RECEIVE_MESSAGES_MAX,
  SETTLE_ENTRIES_MAX,
  SUBSCRIPTIONS_MAX,
  WAIT_SECONDS_MAX,
} from "../../../core/limits.ts";
import { receivedMessage, storedExample } from "./messages.ts";
import { entryError, integer, time } from "./shared.ts";

const leaseSeconds = integer(
  LEASE_SECONDS_MIN,
  LEASE_SECONDS_MAX,
  "How long the messages stay hidden; the group's where not given.",
);

export const receiveRequest = z
  .strictObject({
    topics: z
      .array(z.string("Must be a string."), "Must be an array of topic names.")
      .min(1, "Must name at least one topic.")
      .max(SUBSCRIPTIONS_MAX, `Must name at most ${SUBSCRIPTIONS_MAX} topics.`)
      .optional()
      .meta({ description: "Every subscribed topic where not given." }),
    max: integer(1, RECEIVE_MESSAGES_MAX, "Messages at most; 1 where not given.").optional(),
    waitSeconds: integer(0, WAIT_SECONDS_MAX, "How long to wait for the first message; 0 where not given.").optional(),
    leaseSeconds: leaseSeconds.optional(),
    attemptId: z
      .string("Must be a string.")
      .min(1, "Must not be empty.")
      .max(ATTEMPT_ID_CHARS_MAX, `Must have at most ${ATTEMPT_ID_CHARS_MAX} characters.`)
      .optional()
      .meta({ description: "A retry with the same id gets the same messages and handles while their lease runs." }),
  })
  .meta({ id: "ReceiveRequest" });

export const receiveReply = z.object({ messages: z.array(receivedMessage) }).meta({ id: "ReceiveReply" });

const receiptHandle = z
  .string("Must be a string.")
  .meta({ description: "As a receive by this group, or an extension, returned it." });
const reason = z
  .string("Must be a string.")
  .max(REASON_CHARS_MAX, `Must have at most ${REASON_CHARS_MAX} characters.`)
  .optional()
  .meta({ description: "Why, for whoever looks at the dead letter." });
const entries = <T extends z.ZodType>(entry: T) =>
  z.array(entry, "Must be an array.").max(SETTLE_ENTRIES_MAX, `Must have at most ${SETTLE_ENTRIES_MAX} entries.`).optional();

const ackEntry = z.strictObject({ receiptHandle }).meta({ id: "AckEntry", description: "Done with it." });
const nackEntry = z
  .strictObject({
    receiptHandle,
    delaySeconds: integer(
      0,
      LEASE_SECONDS_MAX,
      "Seconds until it is delivered again; the group's backoff where not given.",
    ).optional(),
    countAttempt: z.boolean("Must be true or false.").optional().meta({ description: "False: this delivery does not count." }),
    reason,
  })
  .meta({ id: "NackEntry", description: "Deliver it again." });
const boolean = z.boolean("Must be true or false.");
const extendEntry = z
  .strictObject({
    receiptHandle,
    leaseSeconds: integer(0, LEASE_SECONDS_MAX, "How long it stays hidden from now on. 0 only with mayShorten."),
    mayShorten: boolean.optional().meta({ description: "True: hidden for exactly so long, even if its lease runs for longer." }),
    countAttempt: boolean
      .optional()
      .meta({ description: "False, only with mayShorten: if the lease ends then, this delivery does not count." }),
  })
  .refine(({ leaseSeconds, mayShorten }) => mayShorten || leaseSeconds >= LEASE_SECONDS_MIN, {
    message: `Must be at least ${LEASE_SECONDS_MIN} without mayShorten.`,
    path: ["leaseSeconds"],
  })
  .refine(({ countAttempt, mayShorten }) => mayShorten || countAttempt !== false, {
    message: "Can only be false with mayShorten.",
    path: ["countAttempt"],
  })
  .meta({ id: "ExtendEntry", description: "Hide it for longer, or for exactly as long as said." });
const deadLetterEntry = z
  .strictObject({ receiptHandle, reason })
  .meta({ id: "DeadLetterEntry", description: "Dead-letter it, without further attempts." });

const ENTRY_COUNT = `Must have 1 to ${SETTLE_ENTRIES_MAX} entries in all.`;

export const settleRequest = z
  .strictObject({
    acks: entries(ackEntry),
    nacks: entries(nackEntry),
    extends: entries(extendEntry),
    deadLetters: entries(deadLetterEntry),
  })
  .refine(({ acks, nacks, extends: extensions, deadLetters }) => {
    const count = [acks, nacks, extensions, deadLetters].reduce((sum, list) => sum + (list?.length ?? 0), 0);
    return count >= 1 && count <= SETTLE_ENTRIES_MAX;
  }, ENTRY_COUNT)
  .meta({ id: "SettleRequest", description: ENTRY_COUNT, minProperties: 1 });

export const ackRequest = z
  .strictObject({
    receiptHandles: z
      .array(receiptHandle, "Must be an array of receipt handles.")
      .min(1, "Must have at least one handle.")
      .max(SETTLE_ENTRIES_MAX, `Must have at most ${SETTLE_ENTRIES_MAX} handles.`),
  })
  .meta({ id: "AckRequest" });

const settleResult = z
  .object({
    receiptHandle: z.string().meta({ description: "The handle as sent; after an extension the one to use from now on." }),
    status: z.enum(["acked", "nacked", "extended", "deadLettered", "error"]).meta({ id: "SettleStatus" }),
    leaseUntil: time("Present when extended.").optional(),
    error: entryError.optional(),
  })
  .meta({ id: "SettleResult" });

export const settleReply = z
  .object({ results: z.array(settleResult) })
  .meta({ id: "SettleReply", description: "One result per entry: acks, nacks, extends, deadLetters, each in the order sent." });

const HANDLE = "AQhDQWFPUWVUTghZX2lvbV8yVQIABEhjY1gACjBfc0N4SUVBQk4BAaIl5i68AYNSAAA.AKsSE4kgHrnXc2cg2w";
const OTHER_HANDLE = "AQhDQWFPUWVUTghZX2lvbV8yVQABBEhjY1gACjBfc0N4SUVBQk4BAaIl5i68AYNSAAA.AKsSE4kgHrnXw9Tq1A";
export const receiveRequestExample = { topics: ["orders"], max: 2, waitSeconds: 5 };
export const receiveReplyExample = {
  messages: [
    { ...storedExample, attempt: 1, maxAttempts: 5, leaseUntil: "2026-11-29T06:02:51.964Z", receiptHandle: HANDLE },
    {
      ...storedExample,
      messageId: "01A225E5444E1BD07C9D2972AAF10000",
      queueId: 0,
      tag: "paid",
      keys: [],
      messageGroup: null,
      body: "order 43 was paid",
      attempt: 1,
      maxAttempts: 5,
      leaseUntil: "2026-11-29T06:02:51.964Z",
      receiptHandle: OTHER_HANDLE,
    },
  ],
};
export const settleRequestExample = {
  acks: [{ receiptHandle: HANDLE }],
  deadLetters: [{ receiptHandle: OTHER_HANDLE, reason: "The order has no total." }],
};
export const settleReplyExample = {
  results: [
    { receiptHandle: HANDLE, status: "acked" },
    { receiptHandle: OTHER_HANDLE, status: "deadLettered" },
  ],
};
export const ackRequestExample = { receiptHandles: [HANDLE] };
export const ackReplyExample = { results: [{ receiptHandle: HANDLE, status: "acked" }] };
