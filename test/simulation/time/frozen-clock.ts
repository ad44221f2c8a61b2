import type { Clock } from "../../../core/ports/clock.ts";
import { FREEZE_MS_MAX } from "../faulty-stores.ts";
import type { World } from "../world.ts";

/** A handler's clock is off by so much at most. */
export const SKEW_MS = 1_000;

/** A process can be frozen wherever it waits, also where it waits for nothing but the time. */
export const frozenAtTimes = (world: World, skewMs: number, rate: () => number): Clock => ({
  nowMs: () => Math.floor(world.nowMs) + skewMs,
  sleep: (ms, signal) => world.sleep(ms + (world.random.chance(rate()) ? world.random.integer(1_000, FREEZE_MS_MAX) : 0), signal),
});
