import { status as grpcStatus } from "@grpc/grpc-js";
import { heartbeat, notifyClientTermination, queryAssignment } from "./calls/clients.ts";
import { getOffset, pullMessage, queryOffset, updateOffset } from "./calls/offsets.ts";
import { queryRoute } from "./calls/query-route.ts";
import { receiveMessage } from "./calls/receive-message.ts";
import { sendMessage } from "./calls/send-message.ts";
import { ackMessage, changeInvisibleDuration, forwardMessageToDeadLetterQueue } from "./calls/settle.ts";
import { endTransaction, recallMessage } from "./calls/transactions.ts";
import type { MessagingServiceServer } from "./generated/apache/rocketmq/v2/service.ts";
import type { Handlers } from "./handlers.ts";
import type { Serving } from "./serving.ts";
import { serveTelemetry } from "./telemetry-stream.ts";

/** The calls of RocketMQ's clients. Lite topics are not served. */
export function messagingService(serving: Serving, handlers: Handlers): MessagingServiceServer {
  return {
    queryRoute: handlers.unary(queryRoute, (status) => ({ status, messageQueues: [] })),
    heartbeat: handlers.unary(heartbeat, (status) => ({ status })),
    sendMessage: handlers.unary(sendMessage, (status) => ({ status, entries: [] })),
    queryAssignment: handlers.unary(queryAssignment, (status) => ({ status, assignments: [] })),
    receiveMessage: handlers.streaming(receiveMessage, (value) => ({ content: { $case: "status", value } })),
    ackMessage: handlers.unary(ackMessage, (status) => ({ status, entries: [] })),
    forwardMessageToDeadLetterQueue: handlers.unary(forwardMessageToDeadLetterQueue, (status) => ({ status })),
    endTransaction: handlers.unary(endTransaction, (status) => ({ status })),
    telemetry: (call) => serveTelemetry(serving, handlers, call),
    notifyClientTermination: handlers.unary(notifyClientTermination, (status) => ({ status })),
    changeInvisibleDuration: handlers.unary(changeInvisibleDuration, (status) => ({ status, receiptHandle: "" })),
    recallMessage: handlers.unary(recallMessage, (status) => ({ status, messageId: "" })),
    pullMessage: handlers.streaming(pullMessage, (value) => ({ content: { $case: "status", value } })),
    updateOffset: handlers.unary(updateOffset, (status) => ({ status })),
    getOffset: handlers.unary(getOffset, (status) => ({ status, offset: 0 })),
    queryOffset: handlers.unary(queryOffset, (status) => ({ status, offset: 0 })),
    syncLiteSubscription: (_call, callback) =>
      callback({ code: grpcStatus.UNIMPLEMENTED, details: "This server has no lite topics." }),
  };
}
