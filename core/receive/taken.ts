import type { Unreadable } from "../log/frame.ts";
import type { ConsumedQueue } from "../progress/consumed-queue.ts";
import type { Delivery } from "../progress/held.ts";
import type { Progress } from "../progress/progress.ts";
import type { Budget } from "./budget.ts";

/** Where one step of a receive begins: a queue, its progress as last seen, and the remaining budget. */
export interface Step {
  readonly queue: ConsumedQueue;
  readonly progress: Progress;
  readonly budget: Budget;
}

/** What one step took, and the progress after it; `undefined` where the subscription is gone. */
export interface Taken {
  readonly progress: Progress | undefined;
  readonly deliveries: readonly Delivery[];
  /** Messages that were claimed but are unreadable, and must be put aside. */
  readonly unreadable?: UnreadableInClaim | undefined;
}

/** Messages of one claim that cannot be read. */
export interface UnreadableInClaim {
  readonly id: string;
  readonly unreadable: readonly Unreadable[];
}

/** `full`: the queue has more messages, but also as many open claims as it may have. */
export type NotTaken = "nothing" | "full";
