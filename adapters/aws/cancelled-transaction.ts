import type { CancellationReason, TransactionCanceledException } from "@aws-sdk/client-dynamodb";
import type { TransactResult } from "../../core/ports/item-store.ts";
import { itemOf } from "./attribute-values.ts";

type Failures = Extract<TransactResult, { ok: false }>["failures"];

/** Reasons beside which a failed condition still counts, because DynamoDB checks conditions first. */
const DECIDED: ReadonlySet<string | undefined> = new Set([
  "None",
  "ConditionalCheckFailed",
  "ValidationError",
  "ItemCollectionSizeLimitExceeded",
]);

/**
 * The failed conditions, if they are why the transaction was cancelled. If a write was throttled or met another transaction, its
 * condition was not checked. Then the cancellation is a failure, whatever the other reasons are.
 * Errors: the decisive reason, named by its code.
 */
export function failuresOf(cancelled: TransactionCanceledException): Failures {
  const reasons = cancelled.CancellationReasons ?? [];
  const undecided = reasons.find(({ Code }) => !DECIDED.has(Code));
  if (undecided !== undefined) throw asError(undecided, cancelled);
  if (reasons.some(hasFailed)) {
    return reasons.map((reason) => (hasFailed(reason) ? { current: reason.Item && itemOf(reason.Item) } : undefined));
  }
  const refused = reasons.find(({ Code }) => Code !== "None");
  throw refused === undefined ? cancelled : asError(refused, cancelled);
}

const hasFailed = ({ Code }: CancellationReason): boolean => Code === "ConditionalCheckFailed";

function asError({ Code = "", Message }: CancellationReason, { $metadata }: TransactionCanceledException): Error {
  return Object.assign(new Error(Message), { name: Code, $metadata });
}
