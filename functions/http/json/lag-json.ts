import type { WithLag } from "../../../core/admin/group-lag.ts";
import type { Lag } from "../../../core/admin/lag.ts";
import { formatInstant } from "../times.ts";

export const lagJson = ({ lag, inFlight, unreadable, oldestUnackedAtMs }: Lag, nowMs: number) => ({
  lag,
  inFlight,
  unreadable,
  oldestUnackedAt: oldestUnackedAtMs === undefined ? null : formatInstant(oldestUnackedAtMs),
  // Another handler's clock may be ahead of this one.
  oldestUnackedAgeSeconds: oldestUnackedAtMs === undefined ? null : Math.max(0, Math.floor((nowMs - oldestUnackedAtMs) / 1_000)),
});

export const listedLagJson = ({ lag, complete }: Pick<WithLag<unknown>, "lag" | "complete">, nowMs: number) => ({
  ...lagJson(lag, nowMs),
  lagComplete: complete,
});
