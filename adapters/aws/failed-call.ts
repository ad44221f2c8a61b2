import { StoreCorrupt, StoreMisuse, StoreUnavailable, type UnavailableReason } from "../../core/ports/store-failures.ts";

/**
 * What a failed call means:
 *
 * - `misuse`: the service can never accept it;
 * - `refused`: the service said no, and will until someone changes something (a grant, a table, credentials);
 * - `throttled`, `conflict`: the service said not now;
 * - `unsent`: it never left, for want of a connection or of credentials;
 * - `lost`: it may have left, and nobody said what became of it.
 */
type Verdict = "misuse" | "refused" | "throttled" | "conflict" | "unsent" | "lost";

/**
 * Codes of errors, and of the reasons why a transaction was cancelled, whose status does not say it all: otherwise a service's 3xx
 * and 4xx are `refused`, its 5xx and whatever the network does are `lost`.
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
  // A table in several regions with strong consistency: another region is writing the item.
  ["ReplicatedWriteConflictException", "conflict"],
  ["ConditionalRequestConflict", "conflict"],
  ["OperationAborted", "conflict"],
  ["CredentialsProviderError", "unsent"],
  // A transaction of this token runs: it is this one, received twice.
  ["TransactionInProgressException", "lost"],
]);

/** What to look at, for those who meet one of these: they are about the set-up. */
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

/** The parts of an SDK error, or of one from the network below it, that mean something here. */
interface ErrorParts {
  readonly name?: string;
  readonly message?: string;
  readonly code?: string;
  readonly syscall?: string;
  /** Of a connection tried at several addresses. */
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

/** Whether no connection came about. A request is written to a connected socket only. */
function isUnsent(error: unknown): boolean {
  const { name, code, syscall, errors } = partsOf(error);
  if (errors !== undefined) return errors.length > 0 && errors.every(isUnsent);
  if (syscall === "connect" || syscall === "getaddrinfo") return true;
  // The SDK's time-out for connecting, the only one that the clients set; those of the system bear a code.
  return name === "TimeoutError" && code === undefined;
}

/** A call that failed, in the port's terms; `retryable` when the same call may well succeed in a moment. */
export interface FailedCall {
  readonly error: StoreUnavailable | StoreMisuse | StoreCorrupt;
  readonly retryable: boolean;
}

/** `call` names operation and resource. A read changes nothing, so what became of it is never unknown. */
export function failedCall(error: unknown, call: string, kind: "read" | "write"): FailedCall {
  if (StoreUnavailable.is(error) || StoreCorrupt.is(error) || error instanceof StoreMisuse) return { error, retryable: false };
  const verdict = verdictOf(error);
  if (verdict === "misuse") return { error: new StoreMisuse(`${call}: ${partsOf(error).message}`), retryable: false };
  const outcome = verdict === "lost" && kind === "write" ? "unknown" : "not-applied";
  const reason: UnavailableReason = verdict === "throttled" || verdict === "conflict" ? verdict : "unavailable";
  const answered = partsOf(error).$metadata?.httpStatusCode !== undefined;
  // An answer may quote the signed request, and with it the session's token: its name says enough.
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
