import type { Apogee } from "../../client/apogee.ts";
import { ApogeeError } from "../../client/apogee-error.ts";
import type { Clock } from "../../client/clock.ts";

export interface Emptiness {
  readonly apogee: Apogee;
  readonly clock: Clock;
  readonly group: string;
  /** Only these, where given. */
  readonly topics: readonly string[] | undefined;
  readonly signal: AbortSignal;
}

const EVERY_MS = 1_000;

/**
 * Resolves when nothing waits for the group and nothing is in flight, what was given back included; or when the signal aborts. A broker that
 * cannot be reached is asked again. Errors: `ApogeeError` that does not pass; the reason of the signal.
 */
export async function untilEmpty(emptiness: Emptiness): Promise<void> {
  const { clock, signal } = emptiness;
  while (!signal.aborted) {
    if (await isEmpty(emptiness).catch(unknownYet)) return;
    await clock.sleep(EVERY_MS, signal);
  }
}

/** Something may still wait where the answer is a failure that passes. */
function unknownYet(error: unknown): false {
  if (ApogeeError.is(error) && error.retryable) return false;
  throw error;
}

async function isEmpty({ apogee, group, topics, signal }: Emptiness): Promise<boolean> {
  // Redriven messages wait in a topic of the broker's own.
  const counted = topics && new Set(topics.flatMap((topic) => [topic, `%RETRY%${group}%${topic}`]));
  let cursor: string | undefined;
  do {
    const query = cursor === undefined ? {} : { cursor };
    const page = await apogee.call("get", "/v1/groups/{group}/lag", { path: { group }, query, signal });
    if (page.topics.some(({ topic, lag }) => lag > 0 && (!counted || counted.has(topic)))) return false;
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  return true;
}
