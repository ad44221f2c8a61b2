import { status as grpcStatus, type handleServerStreamingCall, type handleUnaryCall, type ServerUnaryCall } from "@grpc/grpc-js";
import { heartbeat, notifyClientTermination, queryAssignment } from "./calls/clients.ts";
import { queryRoute } from "./calls/query-route.ts";
import { receiveMessage, statusPart, type WriteAnswer } from "./calls/receive-message.ts";
import { sendMessage } from "./calls/send-message.ts";
import { ackMessage, changeInvisibleDuration, forwardMessageToDeadLetterQueue } from "./calls/settle.ts";
import { answerTelemetry, type TelemetryStream } from "./calls/telemetry.ts";
import { endTransaction, recallMessage } from "./calls/transactions.ts";
import type { Status } from "./generated/apache/rocketmq/v2/definition.ts";
import type { MessagingServiceServer, ReceiveMessageResponse, TelemetryCommand } from "./generated/apache/rocketmq/v2/service.ts";
import type { Call, Serving } from "./serving.ts";
import type { Session } from "./sessions.ts";
import { checkSignature, textOf, unauthorized } from "./signature.ts";
import { FAULT, statusOf } from "./status.ts";

/** What calls of every kind have. */
type AnyCall = Pick<ServerUnaryCall<unknown, unknown>, "metadata" | "getPeer" | "getAuthContext">;

/** Whether the two ends of a call are on one machine, or what is between them is encrypted. */
export type IsPrivate = (call: AnyCall) => boolean;

/** The calls of RocketMQ's clients. Failures of a call are a status in its answer, not one of gRPC, as clients expect. */
export function messagingService(serving: Serving, isPrivate: IsPrivate): MessagingServiceServer {
  const { log } = serving;

  const failed = (error: unknown): Status => {
    const status = statusOf(error);
    if (!status) log.error({ err: error }, "a call over gRPC failed");
    return status ?? FAULT;
  };

  const admitted = (call: AnyCall): Session => {
    const { credentials } = serving.options;
    if (credentials) {
      if (!isPrivate(call)) throw unauthorized("Signed calls need TLS, or come from this machine.");
      checkSignature(call.metadata, credentials, serving.clock.nowMs());
    }
    return serving.sessions.of(textOf(call.metadata, "x-mq-client-id"), textOf(call.metadata, "x-mq-language"));
  };

  const unary =
    <Request, Response>(
      answer: (serving: Serving, request: Request, call: Call) => Promise<Response>,
      refusal: (status: Status) => Response,
    ): handleUnaryCall<Request, Response> =>
    (call, callback) => {
      const run = async () => answer(serving, call.request, { session: admitted(call) });
      run().then(
        (response) => callback(null, response),
        (error: unknown) => callback(null, refusal(failed(error))),
      );
    };

  const receive: handleServerStreamingCall<Parameters<typeof receiveMessage>[1], ReceiveMessageResponse> = (call) => {
    const gone = new Promise<false>((resolve) => {
      for (const event of ["cancelled", "close"]) call.once(event, () => resolve(false));
    });
    const write = (part: ReceiveMessageResponse): Promise<boolean> => {
      if (call.cancelled || call.writableEnded) return Promise.resolve(false);
      // A part has gone out when its callback is called: the stream itself would take all of them, whether the client reads or not.
      const written = new Promise<boolean>((resolve) =>
        call.write(part, (error?: Error | null) => resolve(!error && !call.cancelled)),
      );
      return Promise.race([written, gone]);
    };
    const answer: WriteAnswer = async (parts) => {
      const writing = parts.map(write);
      call.end();
      const failedAt = (await Promise.all(writing)).indexOf(false);
      return failedAt < 0 ? parts.length : failedAt;
    };
    const run = async () => {
      const session = admitted(call);
      const cancelled = new AbortController();
      call.on("cancelled", () => cancelled.abort());
      const waiting = { session, signal: cancelled.signal, deadlineMs: Number(call.getDeadline()) };
      await receiveMessage(serving, call.request, waiting, answer);
    };
    run().catch((error: unknown) => answer([statusPart(failed(error))]));
  };

  return {
    queryRoute: unary(queryRoute, (status) => ({ status, messageQueues: [] })),
    heartbeat: unary(heartbeat, (status) => ({ status })),
    sendMessage: unary(sendMessage, (status) => ({ status, entries: [] })),
    queryAssignment: unary(queryAssignment, (status) => ({ status, assignments: [] })),
    receiveMessage: receive,
    ackMessage: unary(ackMessage, (status) => ({ status, entries: [] })),
    forwardMessageToDeadLetterQueue: unary(forwardMessageToDeadLetterQueue, (status) => ({ status })),
    endTransaction: unary(endTransaction, (status) => ({ status })),
    telemetry: (call) => serveTelemetry(serving, call, () => admitted(call), failed),
    notifyClientTermination: unary(notifyClientTermination, (status) => ({ status })),
    changeInvisibleDuration: unary(changeInvisibleDuration, (status) => ({ status, receiptHandle: "" })),
    recallMessage: unary(recallMessage, (status) => ({ status, messageId: "" })),
    // As RocketMQ's proxy, which has no such calls yet.
    pullMessage: (call) => call.emit("error", UNIMPLEMENTED),
    updateOffset: (_call, callback) => callback(UNIMPLEMENTED),
    getOffset: (_call, callback) => callback(UNIMPLEMENTED),
    queryOffset: (_call, callback) => callback(UNIMPLEMENTED),
    syncLiteSubscription: (_call, callback) => callback(UNIMPLEMENTED),
  };
}

const UNIMPLEMENTED = { code: grpcStatus.UNIMPLEMENTED, details: "This call is not served here." };

/** The stream by which a client says what it wants, and is told what the server wants. */
function serveTelemetry(serving: Serving, call: TelemetryStream, admit: () => Session, failed: (error: unknown) => Status): void {
  let session: Session;
  try {
    session = admit();
  } catch (error) {
    call.write({ status: failed(error), command: undefined });
    call.end();
    return;
  }
  const stream = {
    write: (command: TelemetryCommand) => void (call.writable && call.write(command)),
    end: () => void call.end(),
  };
  session.stream = stream;
  session.terminated = false;
  const left = () => {
    // The client may have opened another meanwhile.
    if (session.stream !== stream) return;
    session.stream = undefined;
    session.streamEndedAtMs = serving.clock.nowMs();
    serving.checks.remove(session);
  };
  // One after the other, so that the last settings are what counts.
  let answered: Promise<void> = Promise.resolve();
  call.on("data", (command: TelemetryCommand) => {
    session.lastSeenMs = serving.clock.nowMs();
    answered = answered.then(async () => {
      try {
        const answer = await answerTelemetry(serving, session, command);
        if (answer) stream.write(answer);
      } catch (error) {
        stream.write({ status: failed(error), command: undefined });
      }
    });
  });
  call.on("end", () => {
    left();
    void answered.then(() => call.end());
  });
  call.on("cancelled", left);
  call.on("error", left);
  call.on("close", left);
}
