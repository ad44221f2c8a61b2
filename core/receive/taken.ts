import type { Unreadable } from "../log/frame.ts";
import type { ConsumedQueue } from "../progress/consumed-queue.ts";
import type { Delivery } from "../progress/held.ts";
import type { Progress } from "../progress/progress.ts";
import type { Budget } from "./budget.ts";

/** Where one step of a receive begins: a queue, its progress as it was last seen, and what is still wanted. */
export interface Step {
  readonly queue: ConsumedQueue;
  readonly progress: Progress;
  readonly budget: Budget;
}

/** What one step took, and the progress after it; `undefined` where the subscription is gone. */
export interface Taken {
  readonly progress: Progress | undefined;
  readonly deliveries: readonly Delivery[];
  /** What was claimed and cannot be read: to be put aside. */
  readonly unreadable?: UnreadableInClaim | undefined;
}

/** Messages of one claim that cannot be read. */
export interface UnreadableInClaim {
  readonly id: string;
  readonly unreadable: readonly Unreadable[];
}

/** `full`: there is more, but as many claims are out as a queue may have. */
export type NotTaken = "nothing" | "full";
