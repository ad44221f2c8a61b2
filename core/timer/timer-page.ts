import type { ReadTimer, TopicsNow } from "./route.ts";

/** Timers as they were read, with what `take` and `isTaken` want to know. */
export interface TimerPage {
  readonly read: readonly ReadTimer[];
  /** Of the last item; absent: there was none. */
  readonly last: string | undefined;
  readonly more: boolean;
  readonly mark: number;
  readonly topics: TopicsNow;
}
