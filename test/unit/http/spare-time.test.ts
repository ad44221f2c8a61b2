import { expect, it } from "vitest";
import { SpareTime } from "../../../functions/runtime/spare-time.ts";

/** An event loop of which others take a share whenever the background rests. A turn costs nothing where they want nothing. */
function loopOf(others: { share: number }) {
  let [nowMs, active, idle] = [0, 0, 0];
  let [restedMs, turns, longestMs, workedMs] = [0, 0, 0, 0];
  const goesOn = (): void => {
    longestMs = Math.max(longestMs, workedMs);
    workedMs = 0;
  };
  return {
    nowMs: () => nowMs,
    spent: () => ({ active, idle }),
    async sleep(ms: number): Promise<void> {
      nowMs += ms;
      restedMs += ms;
      active += ms * others.share;
      idle += ms * (1 - others.share);
      goesOn();
    },
    async turn(): Promise<void> {
      turns += 1;
      goesOn();
    },
    work(ms: number): void {
      nowMs += ms;
      active += ms;
      workedMs += ms;
    },
    rested: () => restedMs,
    turns: () => turns,
    /** The longest that others waited. */
    longest: () => longestMs,
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

it("gives background work nearly all of a loop that nobody needs, a tenth of one that others need, and changes as they do", async () => {
  const others = { share: 0 };
  const loop = loopOf(others);
  const spare = new SpareTime(loop);
  expect(await shareOf(loop, spare)).toBeGreaterThan(0.9);
  for (const share of [0.9, 0.1]) {
    others.share = share;
    expect(await shareOf(loop, spare)).toBeCloseTo(0.1, 1);
  }
  others.share = 0.02;
  expect(await shareOf(loop, spare)).toBeGreaterThan(0.9);
});

it("lets others have their turn every two milliseconds where it rests seldom", async () => {
  const loop = loopOf({ share: 0 });
  await shareOf(loop, new SpareTime(loop));
  expect(loop.turns()).toBeGreaterThan(400);
  expect(loop.longest()).toBe(2);
});

it("gives background work more of a busy loop the more of it is left, up to a third", async () => {
  const loop = loopOf({ share: 0.9 });
  const spare = new SpareTime(loop);
  const shares: number[] = [];
  for (const gigabytes of [0, 1, 2, 3, 100]) {
    spare.leaves(gigabytes * 1e9);
    await shareOf(loop, spare);
    shares.push(await shareOf(loop, spare));
  }
  const expected = [0.1, 0.1, (0.1 + 1 / 3) / 2, 1 / 3, 1 / 3];
  for (const [at, share] of shares.entries()) expect(share).toBeCloseTo(expected[at] as number, 2);
  spare.leaves(0);
  expect(await shareOf(loop, spare)).toBeCloseTo(0.1, 2);
});

it("takes few rests in which something happened for no sign of others", async () => {
  const others = { share: 0 };
  const loop = loopOf(others);
  const sleep = loop.sleep.bind(loop);
  let rests = 0;
  loop.sleep = (ms) => {
    others.share = ++rests % 3 === 0 ? 0.9 : 0;
    return sleep(ms);
  };
  expect(await shareOf(loop, new SpareTime(loop))).toBeGreaterThan(0.9);
});

it("takes what one background does while another rests for no work of others", async () => {
  const loop = loopOf({ share: 0 });
  const spare = new SpareTime(loop);
  const sleep = loop.sleep.bind(loop);
  loop.sleep = async (ms) => {
    await Promise.resolve();
    loop.work(1);
    void spare.pause();
    await sleep(ms);
  };
  expect(await shareOf(loop, spare)).toBeGreaterThan(0.9);
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
  for (const untilMs = performance.now() + 10_000; ticks < 4 && performance.now() < untilMs; ) await spare.pause();
  clearInterval(timer);
  expect(ticks).toBeGreaterThan(3);
});
