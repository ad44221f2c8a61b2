import type { components } from "./api-types.ts";

export type Problem = components["schemas"]["Problem"];
/** What a failed call changed: nothing, or nobody knows. */
export type Effect = "none" | "unknown";

/** What goes wrong without an answer of the broker. */
export interface Failure {
  /** The broker's code (PROTOCOL.md 7.1), `HTTP_<status>` of an answer that is not the broker's, or `CONNECTION_FAILED`. */
  readonly code: string;
  /** HTTP status; 0 where no answer came. */
  readonly status: number;
  readonly detail: string;
  readonly retryable: boolean;
  readonly effect: Effect;
  readonly requestId?: string | undefined;
  readonly problem?: Problem | undefined;
  readonly cause?: unknown;
}

/** Every failure of a call. One that a caller aborted rejects with the reason of its signal instead. */
export class ApogeeError extends Error {
  override readonly name = "ApogeeError";
  declare readonly code: string;
  declare readonly status: number;
  /** Whether the same call may succeed later, as it is. */
  declare readonly retryable: boolean;
  declare readonly effect: Effect;
  /** Names the request in the logs of the broker. */
  declare readonly requestId: string | undefined;
  /** The answer, with members that only some errors have. */
  declare readonly problem: Problem | undefined;

  constructor({ code, status, detail, retryable, effect, requestId, problem, cause }: Failure) {
    super(`${code}: ${detail}`, { cause });
    this.code = code;
    this.status = status;
    this.retryable = retryable;
    this.effect = effect;
    this.requestId = requestId;
    this.problem = problem;
  }

  /** Works across copies of this package too. */
  static is(error: unknown): error is ApogeeError {
    return error instanceof Error && error.name === "ApogeeError" && "effect" in error;
  }
}

/** Whether the same call may succeed later. */
export const mayPass = (error: unknown): error is ApogeeError => ApogeeError.is(error) && error.retryable;

/** The same error, where something else is known of what the call changed. */
export const withEffect = (error: ApogeeError, effect: Effect): ApogeeError =>
  new ApogeeError({ ...error, detail: error.message.slice(error.code.length + 2), effect, cause: error });

/** Of answers that are not the broker's. A gateway that answers 200 with a page of its own is one of them. */
const MAY_SUCCEED_LATER = new Set([200, 408, 429, 500, 502, 503, 504]);

/** The error that an answer means which is no 2xx of the broker. */
export function errorOf(response: Response, text: string): ApogeeError {
  const { status } = response;
  const problem = problemIn(text);
  if (problem) return new ApogeeError({ ...problem, status, problem });
  return new ApogeeError({
    code: `HTTP_${status}`,
    status,
    detail: text.slice(0, 200) || response.headers.get("location") || response.statusText || "no body",
    retryable: MAY_SUCCEED_LATER.has(status),
    // A gateway that blames the request has not passed it on.
    effect: status >= 400 && status < 500 ? "none" : "unknown",
    requestId: response.headers.get("x-request-id") ?? undefined,
  });
}

function problemIn(text: string): Problem | undefined {
  const problem = jsonIn(text) as Problem | null | undefined;
  return typeof problem?.code === "string" && typeof problem.effect === "string" ? problem : undefined;
}

/** `undefined` for a text that is no JSON. */
export function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
