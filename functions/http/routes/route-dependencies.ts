import type { Broker } from "../../../core/broker.ts";
import type { Clock } from "../../../core/ports/clock.ts";
import type { Log } from "../../runtime/log.ts";
import type { AnswerLimits } from "../bounds/answer-limits.ts";
import type { AnswerMemory } from "../bounds/answer-memory.ts";
import type { BackgroundSends } from "../bounds/background-sends.ts";
import type { LongPolls } from "../bounds/long-polls.ts";
import type { Cursors } from "../cursor.ts";

export interface RouteDependencies {
  readonly broker: Broker;
  readonly clock: Clock;
  readonly log: Log;
  readonly cursors: Cursors;
  readonly longPolls: LongPolls;
  readonly background: BackgroundSends;
  readonly answers: AnswerLimits;
  /** Absent if answers are handed over whole, one at a time. */
  readonly answerMemory: AnswerMemory | undefined;
}
