import { METADATA_CACHE_MS } from "../../../core/limits.ts";

/** A clock that is set back keeps what was read for so much longer. */
const CLOCK_STEP_MS_MAX = 2_000;

/** When a group is paused for certain, as whoever pauses and resumes it can know. */
export class Pauses {
  #sinceMs: number | undefined;
  #resumeMayCome = false;

  pauseAnswered(nowMs: number): void {
    if (!this.#resumeMayCome) this.#sinceMs ??= nowMs;
  }

  resumeStarted(): void {
    this.#sinceMs = undefined;
  }

  /** It may take effect later, at any time. */
  resumeUnknown(): void {
    this.#resumeMayCome = true;
  }

  /** Whether a receive asked for at `ms` that is answered now can find nothing: every handler knows of the pause. */
  holdBack(ms: number): boolean {
    return this.#sinceMs !== undefined && ms > this.#sinceMs + METADATA_CACHE_MS + CLOCK_STEP_MS_MAX;
  }
}
