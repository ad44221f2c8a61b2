import { StoreCorrupt, StoreMisuse, StoreUnavailable, type UnavailableReason } from "../../core/ports/store-failures.ts";

/**
 * The meaning of a failed call:
 *
 * - `misuse`: the service can never accept it;
 * - `refused`: the service said no, and will until somebody changes something (a grant, a table, credentials);
 * - `throttled`, `conflict`: the service said not now;
 * - `unsent`: it was never sent, for lack of a connection or of credentials;
 * - `lost`: it may have been sent, and its outcome is unknown.
 */
type Verdict = "misuse" | "refused" | "throttled" | "conflict" | "unsent" | "lost";

/**
 * Codes of errors, and of reasons for cancelled transactions, whose status does not decide. For all others, a service's 3xx and 4xx are
 * `refused`; its 5xx and all network errors are `lost`.
 */
const VERDICTS: ReadonlyMap<string, Verdict> = new Map([
  ["ValidationException", "misuse"],
  ["SerializationException", "misuse"],
  ["ItemCollectionSizeLimitExceededException", "misuse"],
  ["ValidationError", "misuse"],
  ["ItemCollectionSizeLimitExceeded", "misuse"],
  ["ProvisionedThroughputExceededException", "throttled"],
  ["ProvisionedThroughputExceeded", "throttled"],
  ["ThrottlingError", "throttled"],
  ["ThrottlingException", "throttled"],
  ["RequestLimitExceeded", "throttled"],
  ["SlowDown", "throttled"],
  ["TransactionConflictException", "conflict"],
  ["TransactionConflict", "conflict"],
  // In a table in several regions with strong consistency, another region is writing the item.
  ["ReplicatedWriteConflictException", "conflict"],
  ["ConditionalRequestConflict", "conflict"],
  ["OperationAborted", "conflict"],
  ["CredentialsProviderError", "unsent"],
  // A transaction with this token is running: this one was received twice.
  ["TransactionInProgressException", "lost"],
]);

/** Hints for errors that are about the set-up. */
const ADVICE: ReadonlyMap<string, string> = new Map([
  ["AccessDeniedException", "the credentials do not allow it"],
  ["AccessDenied", "the credentials do not allow it"],
  ["ResourceNotFoundException", "there is no such table in this region and account"],
  ["NoSuchBucket", "there is no such bucket"],
  ["PermanentRedirect", "the bucket is in another region"],
  ["CredentialsProviderError", "no credentials were found"],
  ["UnrecognizedClientException", "the credentials are not valid"],
  ["InvalidAccessKeyId", "the credentials are not valid"],
  ["ExpiredTokenException", "the credentials have expired"],
  ["ExpiredToken", "the credentials have expired"],
]);

/** The relevant parts of an SDK error, or of a network error below it. */
interface ErrorParts {
  readonly name?: string;
  readonly message?: string;
  readonly code?: string;
  readonly syscall?: string;
  /** Errors of a connection that was tried at several addresses. */
  readonly errors?: readonly unknown[];
  readonly $metadata?: { readonly httpStatusCode?: number; readonly requestId?: string };
}

const partsOf = (error: unknown): ErrorParts => (typeof error === "object" && error !== null ? error : {});

/** Takes an error that is expected, by the service's name for it, for an answer; `undefined` unless another is given. */
export function unlessNamed(name: string): (error: unknown) => undefined;
export function unlessNamed<T>(name: string, answer: T): (error: unknown) => T;
export function unlessNamed(name: string, answer?: unknown): (error: unknown) => unknown {
  return (error) => {
    if (partsOf(error).name === name) return answer;
    throw error;
  };
}

function verdictOf(error: unknown): Verdict {
  const { name = "", $metadata } = partsOf(error);
  const verdict = VERDICTS.get(name);
  if (verdict !== undefined) return verdict;
  const status = $metadata?.httpStatusCode;
  if (status !== undefined && status >= 300) return status < 500 ? "refused" : "lost";
  return isUnsent(error) ? "unsent" : "lost";
}

/** Whether no connection was made: a request is written only to a connected socket. */
function isUnsent(error: unknown): boolean {
  const { name, code, syscall, errors } = partsOf(error);
  if (errors !== undefined) return errors.length > 0 && errors.every(isUnsent);
  if (syscall === "connect" || syscall === "getaddrinfo") return true;
  // The SDK's time-out for connecting has no code. It is the only time-out that the clients set; those of the system have one.
  return name === "TimeoutError" && code === undefined;
}

/** A failed call, in the port's terms. `retryable`: the same call may well succeed in a moment. */
export interface FailedCall {
  readonly error: StoreUnavailable | StoreMisuse | StoreCorrupt;
  readonly retryable: boolean;
}

/** `call` names operation and resource. A read changes nothing, so its outcome is never unknown. */
export function failedCall(error: unknown, call: string, kind: "read" | "write"): FailedCall {
  if (StoreUnavailable.is(error) || StoreCorrupt.is(error) || error instanceof StoreMisuse) return { error, retryable: false };
  const verdict = verdictOf(error);
  if (verdict === "misuse") return { error: new StoreMisuse(`${call}: ${partsOf(error).message}`), retryable: false };
  const outcome = verdict === "lost" && kind === "write" ? "unknown" : "not-applied";
  const reason: UnavailableReason = verdict === "throttled" || verdict === "conflict" ? verdict : "unavailable";
  const answered = partsOf(error).$metadata?.httpStatusCode !== undefined;
  // An answer may quote the signed request and the session's token, so only its name is kept.
  const options = answered || verdict === "unsent" ? undefined : { cause: error };
  return {
    error: new StoreUnavailable(outcome, reason, `${call}: ${described(error)}`, options),
    retryable: verdict !== "refused",
  };
}

function described(error: unknown): string {
  const { name = "", code, message = "", $metadata } = partsOf(error);
  const advice = ADVICE.get(name);
  const status = $metadata?.httpStatusCode;
  if (status === undefined) return advice ?? code ?? message;
  const request = $metadata?.requestId === undefined ? "" : `, request ${$metadata.requestId}`;
  return `${advice === undefined ? "" : `${advice}: `}${name} (${status}${request})`;
}
