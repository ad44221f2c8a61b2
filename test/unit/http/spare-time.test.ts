import { expect, it } from "vitest";
import { SpareTime } from "../../../functions/runtime/spare-time.ts";

/** An event loop of which others take a share whenever the background rests. */
function loopOf(others: { share: number }) {
  let [nowMs, active, idle] = [0, 0, 0];
  let restedMs = 0;
  return {
    nowMs: () => nowMs,
    spent: () => ({ active, idle }),
    async sleep(ms: number): Promise<void> {
      nowMs += ms;
      restedMs += ms;
      active += ms * others.share;
      idle += ms * (1 - others.share);
    },
    work(ms: number): void {
      nowMs += ms;
      active += ms;
    },
    rested: () => restedMs,
  };
}

/** The share of the time that the background got while it worked a second, in pieces of a millisecond. */
async function shareOf(loop: ReturnType<typeof loopOf>, spare: SpareTime): Promise<number> {
  const before = loop.rested();
  for (let workedMs = 0; workedMs < 1_000; workedMs++) {
    loop.work(1);
    await spare.pause();
  }
  return 1_000 / (1_000 + loop.rested() - before);
}

it("gives background work most of a loop that nobody needs, a tenth of one that others need, and changes as they do", async () => {
  const others = { share: 0 };
  const loop = loopOf(others);
  const spare = new SpareTime(loop);
  expect(await shareOf(loop, spare)).toBeCloseTo(2 / 3, 1);
  for (const share of [0.9, 0.1]) {
    others.share = share;
    expect(await shareOf(loop, spare)).toBeCloseTo(0.1, 1);
  }
  others.share = 0.02;
  expect(await shareOf(loop, spare)).toBeGreaterThan(0.6);
});

it("does not rest before some milliseconds of work", async () => {
  const loop = loopOf({ share: 0 });
  const spare = new SpareTime(loop);
  loop.work(1);
  await spare.pause();
  expect(loop.rested()).toBe(0);
});

it("rests in a real event loop, where timers go on meanwhile", async () => {
  const spare = new SpareTime();
  let ticks = 0;
  const timer = setInterval(() => (ticks += 1), 1);
  for (const untilMs = performance.now() + 60; performance.now() < untilMs; ) await spare.pause();
  clearInterval(timer);
  expect(ticks).toBeGreaterThan(3);
});
