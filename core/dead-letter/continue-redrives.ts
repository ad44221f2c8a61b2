import { groupOf } from "../group/group-codec.ts";
import { groupKey, RUNNING_REDRIVES_PK } from "../keys.ts";
import { REDRIVE_TURN_MS } from "../limits.ts";
import { everyItem } from "../store/every-item.ts";
import { continueRedrive, type Redriving } from "./redrive.ts";
import { runningRedriveOf } from "./redrive-job.ts";

const JOBS_PER_PAGE = 25;

export interface RedrivesReport {
  /** Whether redrives that did not fail have more to do. */
  readonly running: boolean;
  /** The errors of the others, which are still running. */
  readonly errors: readonly unknown[];
}

/**
 * Continues the running redrives, each for a turn, until the clock says `untilMs` or the signal aborts. A failing one holds up no
 * other.
 */
export async function continueRedrives(store: Redriving, untilMs: number, signal?: AbortSignal): Promise<RedrivesReport> {
  const { items, clock } = store;
  const errors: unknown[] = [];
  let unfinished = false;
  for await (const item of everyItem(items, { pk: RUNNING_REDRIVES_PK, limit: JOBS_PER_PAGE })) {
    if (clock.nowMs() >= untilMs || signal?.aborted) return { running: true, errors };
    const running = runningRedriveOf(item);
    const stored = await items.get(groupKey(running.group));
    const group = stored && groupOf(stored);
    const turnEndMs = Math.min(untilMs, clock.nowMs() + REDRIVE_TURN_MS);
    try {
      const job =
        group?.uid === running.groupUid
          ? await continueRedrive(store, group, running.jobId, { untilMs: turnEndMs, signal })
          : undefined;
      if (job?.state === "RUNNING") unfinished = true;
      // The group is gone, or the job is forgotten.
      else if (!job) await items.delete(item);
    } catch (error) {
      errors.push(error);
    }
  }
  return { running: unfinished, errors };
}
