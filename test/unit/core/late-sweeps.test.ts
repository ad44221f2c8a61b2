import { expect, it } from "vitest";
import { timerSk } from "../../../core/keys.ts";
import { LateSweeps } from "../../../core/timer/late-sweeps.ts";
import { LATE_SWEEP_MS, LATE_WRITE_MS } from "../../../core/timer/timer-limits.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

const START = "";
const HOUR_MS = 3_600_000;
const startMs = 1_800_000_000_000;

it("sweep all that may have been written since the sweep before began, however long each takes", () => {
  const random = new SeededRandom(1);
  const sweeps = new LateSweeps();
  let nowMs = startMs;
  sweeps.wasReadFull(nowMs);
  let beganMs = nowMs;
  for (let count = 0; count < 500; count++) {
    nowMs += random.integer(1, 3_000);
    const range = sweeps.range(timerSk(nowMs, ""), START, nowMs);
    if (!range) continue;
    expect(range.from <= timerSk(beganMs - LATE_WRITE_MS, "")).toBe(true);
    beganMs = nowMs;
    nowMs += random.integer(0, 8_000);
    sweeps.wasRead(random.integer(0, 5_000), undefined, nowMs);
  }
  expect(beganMs - startMs).toBeGreaterThan(HOUR_MS / 6);
});

it("sweep all at once, and go on as before, when the clock was set back by an hour", () => {
  const sweeps = new LateSweeps();
  sweeps.wasReadFull(startMs);
  const front = timerSk(startMs, "");
  const backMs = startMs - HOUR_MS;
  expect(sweeps.range(front, START, backMs)).toMatchObject({ from: START, to: front });
  sweeps.wasRead(10, undefined, backMs + 100);
  expect(sweeps.range(front, START, backMs + 200)).toBeUndefined();
  expect(sweeps.range(front, START, backMs + 200 + LATE_SWEEP_MS.least)).toBeDefined();
});
