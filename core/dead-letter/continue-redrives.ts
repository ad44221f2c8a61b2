import { groupOf } from "../consume/group-codec.ts";
import { groupKey, RUNNING_REDRIVES_PK } from "../keys.ts";
import { REDRIVE_TURN_MS } from "../limits.ts";
import { continueRedrive, type Redriving } from "./redrive.ts";

const JOBS_PER_PAGE = 25;

/** Goes on with the redrives that run, each for a turn, until the clock says `untilMs`. True when none runs any more. */
export async function continueRedrives(store: Redriving, untilMs: number): Promise<boolean> {
  const { items, clock } = store;
  let done = true;
  for (let from: string | undefined; ; ) {
    const page = await items.query({ pk: RUNNING_REDRIVES_PK, ...(from && { from }), limit: JOBS_PER_PAGE });
    for (const running of page.items) {
      if (clock.nowMs() >= untilMs) return false;
      const group = await items.get(groupKey(running.gn as string));
      const turnEndMs = Math.min(untilMs, clock.nowMs() + REDRIVE_TURN_MS);
      const job =
        group && group.u === running.gu
          ? await continueRedrive(store, groupOf(group), running.j as string, turnEndMs)
          : undefined;
      if (job?.state === "RUNNING") done = false;
      // Of a group that is gone, or forgotten.
      else if (!job) await items.delete(running);
    }
    const last = page.items.at(-1);
    if (!page.more || !last) return done;
    from = `${last.sk}\u0000`;
  }
}
