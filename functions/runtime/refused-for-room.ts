import { BrokerError } from "../../core/errors.ts";
import { StoreUnavailable } from "../../core/ports/store-failures.ts";

/**
 * Whether a call failed only because the disk is nearly full. The store says so itself, once a minute: on such a disk every send is
 * refused, and a stack for each would go to that disk too.
 */
export function isRefusedForRoom(error: unknown): boolean {
  const cause = BrokerError.is(error) ? error.cause : error;
  return StoreUnavailable.is(cause) && cause.reason === "full" && cause.outcome === "not-applied";
}
