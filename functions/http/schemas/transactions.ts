import { z } from "zod";
import { WAIT_SECONDS_MAX } from "../../../core/limits.ts";
import { TRANSACTION_STATES, type TransactionState } from "../../../core/terms.ts";
import {
  CHECK_AFTER_SECONDS_DEFAULT,
  CHECK_AFTER_SECONDS_MAX,
  RECEIVE_CHECKS_MAX,
} from "../../../core/transaction/transaction-limits.ts";
import { message, storedFields } from "./messages.ts";
import { integer, listQuery, offset, page, plainName, queryBoolean, time } from "./shared.ts";

export const halfMessage = z
  .strictObject({
    ...message.shape,
    producerGroup: plainName.meta({ description: "Whose producers are asked what became of it, when none has said." }),
    checkAfterSeconds: integer(
      1,
      CHECK_AFTER_SECONDS_MAX,
      `When they are first asked; ${CHECK_AFTER_SECONDS_DEFAULT} where not given.`,
    ).optional(),
  })
  .meta({ id: "HalfMessage" });

const transactionId = z.string().meta({ description: "Commits it or rolls it back." });

export const halfMessageReceipt = z
  .object({
    transactionId,
    messageId: z.string().meta({ description: "Of the message when it is delivered." }),
    topic: z.string(),
    duplicate: z.boolean().meta({ description: "It was stored before, by a send with the same identity." }),
  })
  .meta({ id: "HalfMessageReceipt" });

export const verdictQuery = z.strictObject({
  discarded: queryBoolean("Decides a discarded transaction too.").optional(),
});

const state = z.enum(TRANSACTION_STATES);

const fields = {
  transactionId,
  messageId: z.string(),
  topic: z.string(),
  producerGroup: z.string(),
  state,
  checks: z.number().int().meta({ description: "How often its producers were asked." }),
  nextCheckAt: time("When they are asked next.").nullable(),
  checkFailure: z
    .string()
    .nullable()
    .meta({ description: "Why the group's endpoint gave no answer when it was last asked, if it gave none." }),
  createdAt: time("When it was stored."),
  endedAt: time("When it was committed, rolled back or discarded.").nullable(),
  queueId: z.number().int().nullable().meta({ description: "Where it was committed to." }),
  offset: offset("Its place in the queue; null also when it has expired there.").nullable(),
};

export const transaction = z.object(fields).meta({ id: "Transaction" });
export const transactionPage = page(transaction);

export const STATUSES: Readonly<Record<string, TransactionState>> = {
  pending: "PREPARED",
  committed: "COMMITTED",
  rolledBack: "ROLLED_BACK",
  discarded: "DISCARDED",
};

export const transactionsQuery = z.strictObject({
  limit: listQuery.limit,
  cursor: listQuery.cursor,
  status: z
    .enum(Object.keys(STATUSES), `Must be one of ${Object.keys(STATUSES).join(", ")}.`)
    .optional()
    .meta({ description: "Those in one state." }),
  producerGroup: plainName.optional().meta({ description: "Those of one producer group." }),
});

export const receiveChecksRequest = z
  .strictObject({
    max: integer(1, RECEIVE_CHECKS_MAX, "Checks at most; 1 where not given.").optional(),
    waitSeconds: integer(0, WAIT_SECONDS_MAX, "How long to wait for the first check; 0 where not given.").optional(),
  })
  .meta({ id: "ReceiveChecksRequest" });

const { queueId: _, offset: __, ...messageFields } = storedFields;

export const transactionCheck = z
  .object({
    transactionId,
    checkNumber: z.number().int().meta({ description: "The first is 1." }),
    topic: z.string(),
    message: z.object(messageFields).meta({ description: "It has no queue yet." }),
  })
  .meta({ id: "TransactionCheck" });

export const receiveChecksReply = z.object({ checks: z.array(transactionCheck) }).meta({ id: "ReceiveChecksReply" });
