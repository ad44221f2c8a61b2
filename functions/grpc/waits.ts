import { WAIT_SECONDS_MAX } from "../../core/limits.ts";
import type { Duration } from "./generated/google/protobuf/duration.ts";
import { msOf } from "./times.ts";

const WAIT_MS_MAX = WAIT_SECONDS_MAX * 1_000;
/** Some clients' deadline is the very end of their poll, and an answer takes a while on a busy machine. */
const ANSWER_AHEAD_MS = 300;

/** How long a poll may wait, in milliseconds: as asked, but never beyond its deadline. */
export function waitOf(
  asked: Duration | undefined,
  { deadlineMs, nowMs, otherwiseMs }: { readonly deadlineMs: number; readonly nowMs: number; readonly otherwiseMs: number },
): number {
  const wantedMs = asked ? msOf(asked) : otherwiseMs;
  return Math.max(0, Math.min(wantedMs, WAIT_MS_MAX, deadlineMs - nowMs - ANSWER_AHEAD_MS));
}
