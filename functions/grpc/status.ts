import { BrokerError, type ErrorCodeName } from "../../core/errors.ts";
import { Code, type Status } from "./generated/apache/rocketmq/v2/definition.ts";

/** RocketMQ's code of each error of the broker. The broker's own numbers are those of its HTTP API, and differ from these. */
export const STATUS_CODES = {
  ALREADY_DELIVERED: Code.PRECONDITION_FAILED,
  BAD_REQUEST: Code.BAD_REQUEST,
  CONSUMER_GROUP_NOT_FOUND: Code.CONSUMER_GROUP_NOT_FOUND,
  FORBIDDEN: Code.FORBIDDEN,
  IDEMPOTENCY_KEY_REUSED: Code.PRECONDITION_FAILED,
  ILLEGAL_CONSUMER_GROUP: Code.ILLEGAL_CONSUMER_GROUP,
  ILLEGAL_DELIVERY_TIME: Code.ILLEGAL_DELIVERY_TIME,
  ILLEGAL_FILTER_EXPRESSION: Code.ILLEGAL_FILTER_EXPRESSION,
  ILLEGAL_INVISIBLE_TIME: Code.ILLEGAL_INVISIBLE_TIME,
  ILLEGAL_MESSAGE_PROPERTY_KEY: Code.ILLEGAL_MESSAGE_PROPERTY_KEY,
  ILLEGAL_TOPIC: Code.ILLEGAL_TOPIC,
  INTERNAL_ERROR: Code.INTERNAL_SERVER_ERROR,
  INVALID_RECEIPT_HANDLE: Code.INVALID_RECEIPT_HANDLE,
  // Push consumers repeat an ack for ever unless it is OK or this.
  LEASE_LOST: Code.INVALID_RECEIPT_HANDLE,
  MESSAGE_BODY_EMPTY: Code.MESSAGE_BODY_EMPTY,
  MESSAGE_BODY_TOO_LARGE: Code.MESSAGE_BODY_TOO_LARGE,
  MESSAGE_EXPIRED: Code.MESSAGE_NOT_FOUND,
  MESSAGE_NOT_FOUND: Code.MESSAGE_NOT_FOUND,
  MESSAGE_PROPERTIES_TOO_LARGE: Code.MESSAGE_PROPERTIES_TOO_LARGE,
  MESSAGE_PROPERTY_CONFLICT_WITH_TYPE: Code.MESSAGE_PROPERTY_CONFLICT_WITH_TYPE,
  METHOD_NOT_ALLOWED: Code.UNSUPPORTED,
  MISDIRECTED_REQUEST: Code.ILLEGAL_ACCESS_POINT,
  NOT_FOUND: Code.NOT_FOUND,
  OFFSET_ILLEGAL: Code.ILLEGAL_OFFSET,
  OFFSET_NOT_FOUND: Code.OFFSET_NOT_FOUND,
  ORIGIN_NOT_ALLOWED: Code.FORBIDDEN,
  OUT_OF_ORDER_SEQUENCE: Code.PRECONDITION_FAILED,
  PRECONDITION_FAILED: Code.PRECONDITION_FAILED,
  QUOTA_EXCEEDED: Code.FORBIDDEN,
  REQUEST_IN_PROGRESS: Code.TOO_MANY_REQUESTS,
  REQUEST_TIMEOUT: Code.PROXY_TIMEOUT,
  SERVER_BUSY: Code.TOO_MANY_REQUESTS,
  STALE_GENERATION: Code.PRECONDITION_FAILED,
  STORE_CORRUPT: Code.INTERNAL_SERVER_ERROR,
  STORE_UNAVAILABLE: Code.INTERNAL_SERVER_ERROR,
  TOO_MANY_REQUESTS: Code.TOO_MANY_REQUESTS,
  TOPIC_NOT_FOUND: Code.TOPIC_NOT_FOUND,
  TRANSACTION_ENDED: Code.INVALID_TRANSACTION_ID,
  UNAUTHORIZED: Code.UNAUTHORIZED,
  UNSUPPORTED_MEDIA_TYPE: Code.UNSUPPORTED,
} as const satisfies Record<ErrorCodeName, Code>;

/** What BAD_REQUEST is called where RocketMQ has a code for the field. */
const FIELD_CODES: Readonly<Record<string, Code>> = {
  "/tag": Code.ILLEGAL_MESSAGE_TAG,
  "/keys": Code.ILLEGAL_MESSAGE_KEY,
  "/messageGroup": Code.ILLEGAL_MESSAGE_GROUP,
  "/messageId": Code.ILLEGAL_MESSAGE_ID,
};

export const OK: Status = { code: Code.OK, message: "OK" };

/** A call that is refused by RocketMQ's protocol, before the broker is asked. */
export class RefusedCall extends Error {
  override readonly name = "RefusedCall";
  readonly code: Code;

  constructor(code: Code, message: string) {
    super(message);
    this.code = code;
  }

  static is(error: unknown): error is RefusedCall {
    return error instanceof RefusedCall;
  }
}

/** The status of a failed call. `undefined`: the server is at fault, and the caller is told nothing about how. */
export function statusOf(error: unknown): Status | undefined {
  if (RefusedCall.is(error)) return { code: error.code, message: error.message };
  if (!BrokerError.is(error)) return undefined;
  const [field] = error.errors;
  const ofField = error.code === "BAD_REQUEST" && field ? FIELD_CODES[field.field] : undefined;
  return { code: ofField ?? STATUS_CODES[error.code], message: error.message };
}

export const FAULT: Status = { code: Code.INTERNAL_SERVER_ERROR, message: "The server failed. Its log says why." };
