import { BrokerError, type ProblemMembers } from "../errors.ts";
import { blockNamedBy } from "../keys.ts";
import { StoreCorrupt, StoreUnavailable } from "../ports/store-failures.ts";

/** The answer to a caller whose store call failed or met damaged data. Any other error is a bug, and is thrown on. */
export function asBrokerError(error: unknown): BrokerError {
  if (BrokerError.is(error)) return error;
  if (StoreCorrupt.is(error)) return corrupt(error);
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
  return new BrokerError("STORE_UNAVAILABLE", detail, { effect: "none", cause: error });
}

/** Names the place, as far as known, in terms of the API. The store's own names are for the log. */
function corrupt(error: StoreCorrupt): BrokerError {
  const block = error.key && blockNamedBy(error.key);
  const where = block ? ` of queue ${block.queueId}, in the block that starts at offset ${block.base}` : "";
  return new BrokerError("STORE_CORRUPT", `Stored data${where} is damaged and cannot be read. The server logged which.`, {
    members: block ? { queueId: block.queueId, offset: String(block.base) } : {},
    cause: error,
  });
}

/** Runs a verb, and turns store failures into answers for the caller. `about`: what is known of damaged data. */
export async function answering<T>(verb: () => Promise<T>, about: ProblemMembers = {}): Promise<T> {
  try {
    return await verb();
  } catch (error) {
    const answer = asBrokerError(error);
    if (answer.code !== "STORE_CORRUPT") throw answer;
    const { message, effect, members, cause } = answer;
    throw new BrokerError("STORE_CORRUPT", message, { effect, members: { ...about, ...members }, cause });
  }
}

/** As `answering`, for a verb of many steps: if the store fails in one, earlier ones may have been made. */
export const answeringSteps = <T>(verb: () => Promise<T>): Promise<T> =>
  answering(async () => {
    try {
      return await verb();
    } catch (error) {
      if (!StoreUnavailable.is(error) || error.outcome === "unknown") throw error;
      const detail = "The store is busy, full or away. Some of it may be done already; try again.";
      throw new BrokerError("STORE_UNAVAILABLE", detail, { effect: "unknown", cause: error });
    }
  });

/** Runs the rest of a change whose decisive part is done: a failure must not promise that nothing was changed. */
export async function finishing<T>(rest: () => Promise<T>): Promise<T> {
  try {
    return await rest();
  } catch (error) {
    if (BrokerError.is(error)) throw error.withUnknownEffect();
    if (!StoreUnavailable.is(error)) throw error;
    throw new StoreUnavailable("unknown", error.reason, error.message, { cause: error });
  }
}

/** Ignores a full disk, so that the broker starts with the stored settings: only a running broker can make room. */
export function unlessFull(error: unknown): void {
  if (!StoreUnavailable.is(error) || error.reason !== "full") throw error;
}
