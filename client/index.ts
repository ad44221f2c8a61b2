// What users of @apogee/client import.

export type { components, paths } from "./api-types.ts";
export { Apogee, type ApogeeOptions } from "./apogee.ts";
export { ApogeeError, type Effect, type Problem } from "./apogee-error.ts";
export type { BatchResult } from "./batch.ts";
export type { Answer, CallInput, CallOptions, MethodOf, Path } from "./call.ts";
export type { Clock } from "./clock.ts";
export type { Around, BatchOptions, Consumer } from "./consumer.ts";
export type { Duration } from "./duration.ts";
export type { Group } from "./group.ts";
export { type BatchResponse, lambdaHandler, type PushedBatch } from "./lambda.ts";
export { LeaseLost } from "./lease-keeper.ts";
export type { LingerOptions, LingerProducer } from "./linger-producer.ts";
export type { Message, StoredMessage } from "./message.ts";
export type { Queue, ReadFrom, ReadOptions } from "./pull.ts";
export { type ExtendOptions, type NackOptions, type ReceivedMessage, Reject } from "./received-message.ts";
export type { ReceiveOptions } from "./receiver.ts";
export type { RetryOptions } from "./retry.ts";
export type { Running } from "./running.ts";
export type { Inject, MessageOptions, MessageToSend, SendReceipt } from "./send.ts";
export { InvalidBody, type StandardSchema } from "./standard-schema.ts";
export type { NewTime, Topic } from "./topic.ts";
export type { Check, CheckOptions, HalfMessage, Transaction, Verdict } from "./transaction.ts";
export { verifyWebhook, WebhookRefused, type WebhookRequest } from "./webhook.ts";
export type { HandlerContext, WorkOptions } from "./worker.ts";
