import { RECEIVE_BYTES_MAX } from "../../../core/limits.ts";
import type { TakenCheck } from "../../../core/transaction/checks-again.ts";
import type { Resolution, Transaction, TransactionCheck } from "../../../core/transaction/transaction.ts";
import { CHECK_AFTER_SECONDS_DEFAULT } from "../../../core/transaction/transaction-limits.ts";
import type { AnswerLimits } from "../bounds/answer-limits.ts";
import { knownByRequest } from "../idempotency-key.ts";
import { checkJson } from "../json/check-json.ts";
import { decodeMessage, pageJson } from "../json/message-json.ts";
import { pageReply } from "../list-page.ts";
import { jsonReply, type Reply } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import {
  committedExample,
  documentedHalfMessage,
  halfMessage,
  halfMessageExample,
  halfMessageReceipt,
  halfMessageReceiptExample,
  receiveChecksReply,
  receiveChecksReplyExample,
  receiveChecksRequest,
  receiveChecksRequestExample,
  rolledBackExample,
  STATUSES,
  transaction,
  transactionPage,
  transactionPageExample,
  transactionsQuery,
  verdictQuery,
} from "../schemas/transactions.ts";
import { formatInstant } from "../times.ts";
import { SEND_ERRORS } from "./messages.ts";
import type { RouteDependencies } from "./route-dependencies.ts";

const tag = "Transactions";
const RECEIVE_MAX_DEFAULT = 1;

const instantJson = (ms: number | undefined): string | null => (ms === undefined ? null : formatInstant(ms));

const transactionJson = (value: Transaction) => ({
  transactionId: value.id,
  messageId: value.messageId,
  topic: value.topic,
  producerGroup: value.producerGroup,
  state: value.state,
  checks: value.checks,
  nextCheckAt: instantJson(value.nextCheckAtMs),
  checkFailure: value.checkFailure ?? null,
  createdAt: formatInstant(value.createdAtMs),
  endedAt: instantJson(value.endedAtMs),
  queueId: value.queueId ?? null,
  offset: value.offset === undefined ? null : String(value.offset),
});

export const transactionRoutes = (dependencies: RouteDependencies): readonly Route[] => [
  sendRoute(dependencies),
  verdictRoute(dependencies, "commit", "Deliver the message of a transaction"),
  verdictRoute(dependencies, "rollback", "Drop the message of a transaction"),
  ...readRoutes(dependencies),
  checksRoute(dependencies),
];

const sendRoute = ({ broker }: RouteDependencies): Route =>
  defineRoute({
    method: "POST",
    path: "/v1/topics/{topic}/transactions",
    operationId: "sendHalfMessage",
    tag,
    summary: "Store a message that is delivered only if its transaction commits",
    description: "For TRANSACTION and MIXED topics. Nobody receives it before; commit it or roll it back by its transactionId.",
    body: { kind: "json", schema: halfMessage, documented: documentedHalfMessage, example: halfMessageExample },
    replies: { 201: { description: "Stored.", schema: halfMessageReceipt, example: halfMessageReceiptExample } },
    errors: SEND_ERRORS,
    async handle({ parameters: { topic }, body, identity }) {
      const { producerGroup, checkAfterSeconds = CHECK_AFTER_SECONDS_DEFAULT, ...envelope } = body;
      const input = knownByRequest(decodeMessage(envelope), identity);
      const options = { producerGroup, checkAfterMs: checkAfterSeconds * 1_000 };
      const { transactionId, messageId, duplicate } = await broker.sendHalfMessage(topic, input, options);
      return jsonReply(201, { transactionId, messageId, topic, duplicate });
    },
  });

const verdictRoute = ({ broker }: RouteDependencies, resolution: Resolution, summary: string): Route =>
  defineRoute({
    method: "POST",
    path: `/v1/transactions/{transactionId}/${resolution}`,
    operationId: `${resolution}Transaction`,
    tag,
    summary,
    description: "A transaction is decided once. The same verdict again is answered as the first, for a day.",
    query: verdictQuery,
    replies: {
      200: {
        description: "It has this outcome.",
        schema: transaction,
        example: resolution === "commit" ? committedExample : rolledBackExample,
      },
    },
    errors: ["NOT_FOUND", "TOPIC_NOT_FOUND", "TOO_MANY_REQUESTS", "TRANSACTION_ENDED"],
    async handle({ parameters, query: { discarded } }) {
      return jsonReply(200, transactionJson(await broker.endTransaction(parameters.transactionId, resolution, { discarded })));
    },
  });

const readRoutes = ({ broker, cursors }: RouteDependencies): Route[] => [
  defineRoute({
    method: "GET",
    path: "/v1/transactions",
    operationId: "listTransactions",
    tag,
    summary: "List transactions in the order they began",
    description:
      "Undecided ones; committed and rolled back ones for a day; discarded ones for 30 days. Looks at 2,000 at most: then `complete` is false.",
    query: transactionsQuery,
    replies: { 200: { description: "One page.", schema: transactionPage, example: transactionPageExample } },
    errors: [],
    handle({ query: { limit, cursor, status, producerGroup } }) {
      const scope = `transactions\0${status ?? ""}\0${producerGroup ?? ""}`;
      return pageReply(
        cursors,
        scope,
        { limit, cursor },
        {
          list: (request) =>
            broker.listTransactions({ ...request, state: status === undefined ? undefined : STATUSES[status], producerGroup }),
          show: ({ items }) => ({ items: items.map(transactionJson) }),
        },
      );
    },
  }),
  defineRoute({
    method: "GET",
    path: "/v1/transactions/{transactionId}",
    operationId: "getTransaction",
    tag,
    summary: "Read a transaction",
    replies: { 200: { description: "The transaction.", schema: transaction, example: committedExample } },
    errors: ["NOT_FOUND"],
    handle: async ({ parameters }) => jsonReply(200, transactionJson(await broker.getTransaction(parameters.transactionId))),
  }),
];

const checksRoute = ({ broker, longPolls, answers }: RouteDependencies): Route =>
  defineRoute({
    method: "POST",
    path: "/v1/producer-groups/{producerGroup}/checks/receive",
    operationId: "receiveChecks",
    tag,
    summary: "Receive questions about undecided transactions",
    description: "Answer each with commit or rollback. One that is not answered is followed by another, 30 seconds later.",
    body: { kind: "json", schema: receiveChecksRequest, optional: true, example: receiveChecksRequestExample },
    replies: {
      200: {
        description: "The checks; none when there is nothing to ask.",
        schema: receiveChecksReply,
        example: receiveChecksReplyExample,
      },
    },
    errors: ["TOO_MANY_REQUESTS"],
    async handle({ parameters: { producerGroup }, body, disconnected }) {
      const { max = RECEIVE_MAX_DEFAULT, waitSeconds = 0 } = body;
      const maxBytes = Math.min(RECEIVE_BYTES_MAX, answers.pageBytesMax);
      const request = { max, maxBytes, waitMs: longPolls.bound(waitSeconds * 1_000) };
      let cutShort = false;
      const checks = await longPolls.run(disconnected(), async (signal) => {
        const received = await broker.receiveChecks(producerGroup, request, signal);
        cutShort = signal.aborted;
        return received;
      });
      return { ...checksReply(checks, answers), unfinished: cutShort, outline: outlineOf(checks) };
    },
    restore: async (outline) => checksReply(await broker.checksAgain(takenOf(outline)), answers),
  });

function checksReply(checks: readonly TransactionCheck[], answers: AnswerLimits): Reply {
  const page = checks.map((check) => ({ check, body: check.message.body }));
  return jsonReply(200, { checks: pageJson(page, answers, ({ check }, bodies) => checkJson(check, bodies)) });
}

/** `[[transactionId, checkNumber], …]` as JSON. A check goes to one producer, so without an outline it would be lost with its answer. */
const outlineOf = (checks: readonly TransactionCheck[]): string =>
  JSON.stringify(checks.map(({ transactionId, checkNumber }) => [transactionId, checkNumber]));

const takenOf = (outline: string): readonly TakenCheck[] =>
  (JSON.parse(outline) as [string, number][]).map(([transactionId, checkNumber]) => ({ transactionId, checkNumber }));
