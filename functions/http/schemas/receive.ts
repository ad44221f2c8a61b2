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
import { receivedMessage } from "./messages.ts";
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

const receiptHandle = z.string("Must be a string.");
const reason = z
  .string("Must be a string.")
  .max(REASON_CHARS_MAX, `Must have at most ${REASON_CHARS_MAX} characters.`)
  .optional();
const entries = <T extends z.ZodType>(entry: T) =>
  z.array(entry, "Must be an array.").max(SETTLE_ENTRIES_MAX, `Must have at most ${SETTLE_ENTRIES_MAX} entries.`).optional();

const ENTRY_COUNT = `Must have 1 to ${SETTLE_ENTRIES_MAX} entries in all.`;

export const settleRequest = z
  .strictObject({
    acks: entries(z.strictObject({ receiptHandle })),
    nacks: entries(
      z.strictObject({
        receiptHandle,
        delaySeconds: integer(
          0,
          LEASE_SECONDS_MAX,
          "Seconds until it is delivered again; the group's backoff where not given.",
        ).optional(),
        countAttempt: z
          .boolean("Must be true or false.")
          .optional()
          .meta({ description: "False: this delivery does not count." }),
        reason,
      }),
    ),
    extends: entries(z.strictObject({ receiptHandle, leaseSeconds })),
    deadLetters: entries(z.strictObject({ receiptHandle, reason })),
  })
  .refine(({ acks, nacks, extends: extensions, deadLetters }) => {
    const count = [acks, nacks, extensions, deadLetters].reduce((sum, list) => sum + (list?.length ?? 0), 0);
    return count >= 1 && count <= SETTLE_ENTRIES_MAX;
  }, ENTRY_COUNT)
  .meta({ id: "SettleRequest", description: ENTRY_COUNT });

export const ackRequest = z
  .strictObject({
    receiptHandles: z
      .array(receiptHandle, "Must be an array of receipt handles.")
      .min(1, "Must have at least one handle.")
      .max(SETTLE_ENTRIES_MAX, `Must have at most ${SETTLE_ENTRIES_MAX} handles.`),
  })
  .meta({ id: "AckRequest" });

export const settleReply = z
  .object({
    results: z.array(
      z.object({
        receiptHandle: z.string().meta({ description: "The handle as sent; after an extension the one to use from now on." }),
        status: z.enum(["acked", "nacked", "extended", "deadLettered", "error"]),
        leaseUntil: time("Present when extended.").optional(),
        error: entryError.optional(),
      }),
    ),
  })
  .meta({ id: "SettleReply", description: "One result per entry: acks, nacks, extends, deadLetters, each in the order sent." });
