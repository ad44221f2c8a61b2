import { expect, it } from "vitest";
import { WaitingReceives } from "../../../core/wake/waiting-receives.ts";
import { ManualClock } from "../../support/clocks/manual-clock.ts";

it("groups that nobody polls any more are forgotten, those that wait are not", async () => {
  const clock = new ManualClock();
  const waiting = new WaitingReceives(clock);
  waiting.begin("waits");
  for (let group = 0; group < 100; group++) waiting.begin(`gone-${group}`)();
  expect(waiting.size).toBe(101);
  for (let span = 0; span < 3; span++) {
    await clock.pass(15_000);
    waiting.begin("polls")();
  }
  expect(waiting.size).toBe(2);
  expect(waiting.mostAtOnce("waits")).toBe(1);
});
