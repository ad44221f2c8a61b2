import { BrokerError, type Effect, ERROR_CODES, type ErrorCodeName } from "../../core/errors.ts";
import { StoreCorrupt, StoreUnavailable } from "../../core/ports/store-failures.ts";
import { asBrokerError } from "../../core/store/store-errors.ts";
import type { Reply } from "./reply.ts";

/** Seconds a client should wait before it tries again. */
const RETRY_AFTER_SECONDS = "1";

/** Whether an answer carries Retry-After: it does if the request itself is not at fault. */
const retryLater = (status: number, code: ErrorCodeName): boolean =>
  status === 429 || status === 503 || code === "REQUEST_IN_PROGRESS";

const slugOf = (code: ErrorCodeName): string => code.toLowerCase().replaceAll("_", "-");

/** The page that explains a code: the `type` of its problem document, relative to the server. */
const problemType = (code: ErrorCodeName): string => `/errors/${slugOf(code)}`;

export const ERROR_SLUGS: ReadonlyMap<string, ErrorCodeName> = new Map(
  (Object.keys(ERROR_CODES) as ErrorCodeName[]).map((code) => [slugOf(code), code]),
);

export interface ProblemContext {
  readonly requestId: string;
  /** Path of the request, without its query. */
  readonly instance: string;
  /** Replaces the code's status where HTTP has a more specific one. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** An error as an RFC 9457 problem document. */
export function problemReply(error: BrokerError, context: ProblemContext): Reply {
  const { title, status: codeStatus, retryable } = ERROR_CODES[error.code];
  const status = context.status ?? codeStatus;
  const body = JSON.stringify({
    type: problemType(error.code),
    title,
    status,
    detail: error.message,
    instance: context.instance,
    code: error.code,
    requestId: context.requestId,
    retryable,
    effect: error.effect,
    ...(error.errors.length > 0 ? { errors: error.errors } : {}),
    ...error.members,
  });
  return {
    status,
    code: error.code,
    body,
    headers: {
      "Content-Type": "application/problem+json",
      ...(retryLater(status, error.code) ? { "Retry-After": RETRY_AFTER_SECONDS } : {}),
      ...context.headers,
    },
  };
}

/** Any thrown value as an answer to the caller. An unexpected one becomes INTERNAL_ERROR, without any of its text. */
export function toBrokerError(error: unknown): BrokerError {
  if (BrokerError.is(error) || StoreUnavailable.is(error) || StoreCorrupt.is(error)) return asBrokerError(error);
  return new BrokerError("INTERNAL_ERROR", "The request failed for a reason the server logged under this request id.", {
    cause: error,
  });
}

/** An error inside a reply of many results. */
export const errorJson = ({
  code,
  message,
  retryable,
  effect,
}: BrokerError): { code: ErrorCodeName; detail: string; retryable: boolean; effect: Effect } => ({
  code,
  detail: message,
  retryable,
  effect,
});
