import { ROLL_SWEEP_KEY } from "../keys.ts";
import type { Item } from "../ports/item-store.ts";

/** The sweep over the queues of all topics: when it began [t], and the topic that it has done last [n]; absent: it has done all. */
export interface RollSweep {
  readonly beganAtMs: number;
  readonly topic: string | undefined;
}

export const rollSweepItem = ({ beganAtMs, topic }: RollSweep): Item => ({
  ...ROLL_SWEEP_KEY,
  t: beganAtMs,
  ...(topic !== undefined && { n: topic }),
});

/** Before the first sweep it is as if one had ended at the beginning of time. */
export const rollSweepOf = (item: Item | undefined): RollSweep => ({
  beganAtMs: (item?.t as number | undefined) ?? 0,
  topic: item?.n as string | undefined,
});
