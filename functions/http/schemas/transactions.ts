import { z } from "zod";
import { WAIT_SECONDS_MAX } from "../../../core/limits.ts";
import { TRANSACTION_STATES, type TransactionState } from "../../../core/transaction/transaction.ts";
import {
  CHECK_AFTER_SECONDS_DEFAULT,
  CHECK_AFTER_SECONDS_MAX,
  CHECKS_MADE_MAX,
  RECEIVE_CHECKS_MAX,
} from "../../../core/transaction/transaction-limits.ts";
import { IDENTITY_TOGETHER, message, messageExample, ONE_IDENTITY, storedExample, storedMessage } from "./messages.ts";
import { count, integer, listQuery, offset, page, pageExample, plainName, queryBoolean, queueId, time } from "./shared.ts";

const transactionFields = {
  producerGroup: plainName.meta({ description: "Whose producers are asked what became of it, when none has said." }),
  checkAfterSeconds: integer(
    1,
    CHECK_AFTER_SECONDS_MAX,
    `When they are first asked; ${CHECK_AFTER_SECONDS_DEFAULT} where not given.`,
  ).optional(),
};

/** Also takes the delays of a message: the broker explains better than a schema why a half message has none. */
export const halfMessage = z.strictObject({ ...message.shape, ...transactionFields });

export const documentedHalfMessage = halfMessage.omit({ delaySeconds: true, delayLevel: true, deliverAt: true }).meta({
  id: "HalfMessage",
  description: "A message without a delay; a dedupKey, or a producerId and its sequence.",
  ...IDENTITY_TOGETHER,
  dependentSchemas: ONE_IDENTITY,
});

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

const state = z.enum(TRANSACTION_STATES).meta({ id: "TransactionState" });

const fields = {
  transactionId,
  messageId: z.string(),
  topic: z.string(),
  producerGroup: z.string(),
  state,
  checks: count("Checks made.", CHECKS_MADE_MAX),
  nextCheckAt: time("When they are asked next.").nullable(),
  checkFailure: z
    .string()
    .nullable()
    .meta({ description: "Why the last check got no answer from the group's endpoint, or was not posted to it." }),
  createdAt: time("When it was stored."),
  endedAt: time("When it was committed, rolled back or discarded.").nullable(),
  queueId: queueId.meta({ description: "Where it was committed to." }).nullable(),
  offset: offset("Its place in the queue; null also when it has expired there.").nullable(),
};

export const transaction = z.object(fields).meta({ id: "Transaction" });
export const transactionPage = page(transaction, "TransactionPage");

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
    .meta({ id: "TransactionStatus", description: "Those in one state." })
    .optional(),
  producerGroup: plainName.optional().meta({ description: "Those of one producer group." }),
});

export const receiveChecksRequest = z
  .strictObject({
    max: integer(1, RECEIVE_CHECKS_MAX, "Checks at most; 1 where not given.").optional(),
    waitSeconds: integer(0, WAIT_SECONDS_MAX, "How long to wait for the first check; 0 where not given.").optional(),
  })
  .meta({ id: "ReceiveChecksRequest" });

const checkedMessage = storedMessage
  .omit({ queueId: true, offset: true })
  .meta({ id: "CheckedMessage", description: "It has no queue yet." });

export const transactionCheck = z
  .object({
    transactionId,
    checkNumber: count("The first is 1.", CHECKS_MADE_MAX),
    topic: z.string(),
    message: checkedMessage,
  })
  .meta({ id: "TransactionCheck" });

export const receiveChecksReply = z.object({ checks: z.array(transactionCheck) }).meta({ id: "ReceiveChecksReply" });

export const halfMessageExample = { ...messageExample, producerGroup: "checkout", checkAfterSeconds: 30 };
const TRANSACTION_ID = "01A225E5446552C05F5E6E8A37690000";
export const halfMessageReceiptExample = {
  transactionId: TRANSACTION_ID,
  messageId: TRANSACTION_ID,
  topic: "orders",
  duplicate: false,
};
const undecidedExample = {
  transactionId: TRANSACTION_ID,
  messageId: TRANSACTION_ID,
  topic: "orders",
  producerGroup: "checkout",
  state: "PREPARED",
  checks: 0,
  nextCheckAt: "2026-11-29T06:02:21.973Z",
  checkFailure: null,
  createdAt: "2026-11-29T06:01:51.973Z",
  endedAt: null,
  queueId: null,
  offset: null,
};
const endedExample = { ...undecidedExample, nextCheckAt: null, endedAt: "2026-11-29T06:01:55.000Z" };
export const committedExample = { ...endedExample, state: "COMMITTED", queueId: 2, offset: "1" };
export const rolledBackExample = { ...endedExample, state: "ROLLED_BACK" };
export const transactionPageExample = pageExample(undecidedExample);
export const receiveChecksRequestExample = { max: 8, waitSeconds: 5 };
export const receiveChecksReplyExample = {
  checks: [
    {
      transactionId: TRANSACTION_ID,
      checkNumber: 1,
      topic: "orders",
      message: { ...storedExample, messageId: TRANSACTION_ID, queueId: undefined, offset: undefined },
    },
  ],
};
