import type { ReadTimer, TopicsNow } from "./route.ts";

/** A page of timers, with the arguments of `take` and `isTaken`. */
export interface TimerPage {
  readonly read: readonly ReadTimer[];
  /** The sort key of the last item; absent: the page was empty. */
  readonly last: string | undefined;
  readonly more: boolean;
  readonly mark: number;
  readonly topics: TopicsNow;
}
