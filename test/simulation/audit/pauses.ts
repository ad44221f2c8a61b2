import { METADATA_CACHE_MS } from "../../../core/limits.ts";

/** How much longer a clock that is set back keeps a cache entry. */
const CLOCK_STEP_MS_MAX = 2_000;

/** When a group is certainly paused, as the operator who pauses and resumes it can know. */
export class Pauses {
  #sinceMs: number | undefined;
  #resumeMayCome = false;

  pauseAnswered(nowMs: number): void {
    if (!this.#resumeMayCome) this.#sinceMs ??= nowMs;
  }

  resumeStarted(): void {
    this.#sinceMs = undefined;
  }

  /** The resume may take effect at any later time. */
  resumeUnknown(): void {
    this.#resumeMayCome = true;
  }

  /** Whether a receive from `ms` that is answered now must be empty, because every handler knows of the pause. */
  holdBack(ms: number): boolean {
    return this.#sinceMs !== undefined && ms > this.#sinceMs + METADATA_CACHE_MS + CLOCK_STEP_MS_MAX;
  }
}
