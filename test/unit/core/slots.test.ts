import { expect, it } from "vitest";
import { Slots } from "../../../core/timer/slots.ts";
import { ManualClock } from "../../support/clocks/manual-clock.ts";

const HOLD_MS = 1_000;

it("a place counts for a second: who is slow keeps nobody from starting, all who wait start together", async () => {
  const clock = new ManualClock();
  const slots = new Slots(clock, 2, HOLD_MS);
  const started: number[] = [];
  const release: (() => void)[] = [];
  const work = (number: number) =>
    slots.run(async () => {
      started.push(number);
      await new Promise<void>((done) => release.push(done));
    });
  const all = [1, 2, 3, 4, 5].map(work);
  await clock.pass(HOLD_MS - 1);
  slots.wake();
  await clock.pass(0);
  expect(started).toEqual([1, 2]);
  await clock.pass(1);
  slots.wake();
  await clock.pass(0);
  expect(started).toEqual([1, 2, 3, 4]);
  for (const done of release.splice(0)) done();
  await clock.pass(0);
  expect(started).toEqual([1, 2, 3, 4, 5]);
  for (const done of release.splice(0)) done();
  await Promise.all(all);
});
