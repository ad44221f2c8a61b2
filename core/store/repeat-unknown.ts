import { BrokerError } from "../errors.ts";
import { SETTLE_DEADLINE_MS } from "../limits.ts";
import type { Clock } from "../ports/clock.ts";
import type { Random } from "../ports/random.ts";
import { StoreUnavailable } from "../ports/store-failures.ts";
import { RETRY_MS, retryPauseMs } from "./retry-pause.ts";

/** Repeats a call that may be repeated after a lost reply. Errors: the last `StoreUnavailable`, at once if the store is full. */
export async function repeatUnknown<T>(
  store: { readonly clock: Clock; readonly random: Random },
  call: () => Promise<T>,
): Promise<T> {
  const deadlineMs = store.clock.nowMs() + SETTLE_DEADLINE_MS;
  let unknown = false;
  for (let failures = 0; ; failures++) {
    try {
      return await call();
    } catch (error) {
      // Even if the repeat was refused, an earlier call may have taken effect, or may still.
      if (unknown && BrokerError.is(error)) throw error.withUnknownEffect();
      if (!StoreUnavailable.is(error)) throw error;
      unknown ||= error.outcome === "unknown";
      // A refusal after a lost reply does not show the outcome of the earlier call.
      if (error.reason === "full" || store.clock.nowMs() >= deadlineMs)
        throw unknown ? new StoreUnavailable("unknown", error.reason, error.message, { cause: error }) : error;
      await store.clock.sleep(retryPauseMs(RETRY_MS, failures, store.random.fraction()));
    }
  }
}
