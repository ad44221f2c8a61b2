import { continueRedrives } from "./continue-redrives.ts";
import type { Redriving } from "./redrive.ts";

const RETRY_MS_MIN = 1_000;
const RETRY_MS_MAX = 60_000;

/**
 * Continues the running redrives, in turns, until the signal aborts. It begins with those that an earlier process left. Other processes
 * may continue the same ones: each step is taken by one of them. After a failure it tries again, later each time.
 */
export async function keepRedriving(
  redriving: Redriving & { readonly onFailure: (error: unknown) => void },
  signal: AbortSignal,
): Promise<void> {
  const { bell, clock, onFailure } = redriving;
  let retryMs = RETRY_MS_MIN;
  for (await bell.heard(signal); !signal.aborted; await bell.heard(signal)) {
    const { running, errors } = await continueRedrives(redriving, Number.POSITIVE_INFINITY, signal).catch((error: unknown) => ({
      running: false,
      errors: [error],
    }));
    if (running || errors.length > 0) bell.ring();
    for (const error of errors) onFailure(error);
    // A failing redrive must not keep the others waiting for long.
    retryMs = errors.length === 0 || running ? RETRY_MS_MIN : Math.min(RETRY_MS_MAX, 2 * retryMs);
    if (errors.length > 0) await clock.sleep(retryMs, signal);
  }
}
