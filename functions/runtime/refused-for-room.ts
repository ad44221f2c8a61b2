import { BrokerError } from "../../core/errors.ts";
import { StoreUnavailable } from "../../core/ports/store-failures.ts";

/**
 * Whether a call failed only because the disk is nearly full. The store itself reports that once a minute. On such a disk every send is
 * refused, and a stack trace for each would also go to that disk.
 */
export function isRefusedForRoom(error: unknown): boolean {
  const cause = BrokerError.is(error) ? error.cause : error;
  return StoreUnavailable.is(cause) && cause.reason === "full" && cause.outcome === "not-applied";
}
