import type { Clock } from "../../../core/ports/clock.ts";
import { FREEZE_MS_MAX } from "../faulty-stores.ts";
import type { World } from "../world.ts";

/** The most by which a handler's clock is wrong. */
export const SKEW_MS = 1_000;

/** A clock that can freeze its process wherever it waits, even if it waits only for the time. */
export const frozenAtTimes = (world: World, skewMs: number, rate: () => number): Clock => ({
  nowMs: () => Math.floor(world.nowMs) + skewMs,
  sleep: (ms, signal) => world.sleep(ms + (world.random.chance(rate()) ? world.random.integer(1_000, FREEZE_MS_MAX) : 0), signal),
});
