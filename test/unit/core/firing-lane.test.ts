import { expect, it } from "vitest";
import { FiringLane, type LaneKind, type Stream } from "../../../core/timer/firing-lane.ts";
import type { ReadTimer } from "../../../core/timer/route.ts";
import type { Tombstone } from "../../../core/timer/timer.ts";

const LARGE = "large";

/** A large one fits into a batch that it is the first of. */
const kind: LaneKind = {
  atOnce: 1,
  timersPerBatch: 90,
  fitting: (read) => {
    const large = read.findIndex(({ stream }, at) => at > 0 && stream === LARGE);
    return large < 0 ? read.length : large;
  },
  fire: async () => ({}),
};

it("gives a message that does not fit beside others the first turn of the next batch", () => {
  const lane = new FiringLane("orders", kind);
  const streams = ["a", "b", LARGE].map((key): Stream => ({ key, shard: 0, lane, pending: [], firing: 0, dropped: false }));
  const timer: Tombstone = { kind: "tombstone", shard: 0, dueMs: 0, id: "", moved: false, chosenId: undefined };
  const fill = (): void => {
    for (const stream of streams)
      while (stream.pending.length < 100) lane.push(stream, { stream: stream.key, sk: `${stream.pending.length}`, timer });
  };
  const next = (): readonly ReadTimer[] => {
    fill();
    const batch = lane.take();
    lane.over(batch, new Set());
    return batch.timers;
  };
  expect(next()).toHaveLength(32);
  expect(next().map(({ stream }) => stream)).toContain(LARGE);
});
