import { expect, it } from "vitest";
import { ShardUnits } from "../../../core/timer/shard-units.ts";
import { JumpingClock } from "../../support/clocks/jumping-clock.ts";

const HOUR_MS = 3_600_000;

it("deals units on when the clock was set back by an hour", async () => {
  let nowMs = 1_800_000_000_000;
  let sleptMs = 0;
  const sleep = async (ms: number) => {
    sleptMs += ms;
    nowMs += ms;
  };
  const units = new ShardUnits({ nowMs: () => nowMs, sleep }, 1_000);
  const flow = { next: 0 };
  await units.take(250, flow);
  nowMs -= HOUR_MS;
  await units.take(250, flow);
  await units.take(250, flow);
  expect(sleptMs).toBe(250);
});

it("go next to one who asks for little, however many ask for much", async () => {
  const clock = new JumpingClock();
  const units = new ShardUnits(clock, 1_000);
  const startMs = clock.nowMs();
  const greedy = Array.from({ length: 8 }, () => ({ next: 0 }));
  const taken = greedy.flatMap((flow) => [units.take(250, flow), units.take(250, flow)]);
  await clock.sleep(600);
  const middling = units.take(50, { next: 0 }).then(() => clock.nowMs() - startMs);
  await units.take(2, { next: 0 });
  expect(clock.nowMs() - startMs).toBeLessThan(1_200);
  // Behind those who have not had a turn either, and before whoever has had one.
  expect(await middling).toBeLessThan(2_200);
  await Promise.all(taken);
  expect(clock.nowMs() - startMs).toBeGreaterThan(3_500);
});
