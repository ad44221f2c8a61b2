import type { Clock } from "../ports/clock.ts";
import type { Member } from "../terms.ts";
import type { Generation } from "./generation.ts";
import { isLive } from "./member-store.ts";
import { compareNames } from "./message-queue.ts";

/** Now, or the time of the generation's decision if that clock was ahead of this one, by no more than clocks differ. */
export function decidingAtMs(
  { clock, skewMarginMs }: { readonly clock: Clock; readonly skewMarginMs: number },
  { decidedAtMs }: Generation,
): number {
  const nowMs = clock.nowMs();
  return Math.max(nowMs, Math.min(decidedAtMs, nowMs + skewMarginMs));
}

export const liveAt = (seen: readonly Member[], atMs: number): readonly Member[] => seen.filter((member) => isLive(member, atMs));

/** The order in which strategies see members. */
export const byId = (members: readonly Member[]): readonly Member[] =>
  members.toSorted((a, b) => compareNames(a.clientId, b.clientId));
