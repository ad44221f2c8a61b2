import { BrokerError } from "./errors.ts";
import { StoreUnavailable } from "./ports/store-failures.ts";

/** The answer to a caller whose store call failed. What is not a store's failure is thrown on: it is a bug. */
export function asBrokerError(error: unknown): BrokerError {
  if (BrokerError.is(error)) return error;
  if (!StoreUnavailable.is(error)) throw error;
  if (error.outcome === "unknown") {
    const detail =
      "The store did not say in time whether it is done: it may be done or not. Check before you repeat what must happen once.";
    return new BrokerError(error.reason === "full" ? "STORE_UNAVAILABLE" : "REQUEST_TIMEOUT", detail, { cause: error });
  }
  const detail =
    error.reason === "full"
      ? "The store has no room left. Nothing was changed."
      : "The store is busy or away. Nothing was changed; try again.";
  return new BrokerError("STORE_UNAVAILABLE", detail, { cause: error });
}

/** Runs a verb, and turns what a store's failure means into the caller's answer. */
export async function answering<T>(verb: () => Promise<T>): Promise<T> {
  try {
    return await verb();
  } catch (error) {
    throw asBrokerError(error);
  }
}

/** Runs what is left of a change whose decisive part is done: a failure must not promise that nothing was changed. */
export async function finishing<T>(rest: () => Promise<T>): Promise<T> {
  try {
    return await rest();
  } catch (error) {
    if (!StoreUnavailable.is(error)) throw error;
    throw new StoreUnavailable("unknown", error.reason, error.message, { cause: error });
  }
}
