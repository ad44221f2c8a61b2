import { CONFLICTS_MAX } from "../limits.ts";
import { StoreUnavailable } from "../ports/store-failures.ts";
import { retryPauseMs } from "./retry-pause.ts";
import type { StoreDependencies } from "./store-dependencies.ts";

const CONFLICT_MS = { first: 10, most: 500 } as const;

/** Runs a transaction on an item that many write. One that met another's transaction waits for a moment, and is made again. */
export async function afterConflicts<T>(
  { clock, random }: Pick<StoreDependencies, "clock" | "random">,
  transact: () => Promise<T>,
): Promise<T> {
  for (let conflicts = 0; ; conflicts++) {
    try {
      return await transact();
    } catch (error) {
      const conflict = StoreUnavailable.is(error) && error.reason === "conflict" && error.outcome === "not-applied";
      if (!conflict || conflicts === CONFLICTS_MAX) throw error;
      await clock.sleep(retryPauseMs(CONFLICT_MS, conflicts, random.fraction()));
    }
  }
}
