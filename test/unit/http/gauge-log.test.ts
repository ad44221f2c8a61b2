import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createGaugeLog, createRollGaugeLog } from "../../../functions/runtime/gauge-log.ts";
import { keptLog } from "../../support/aws/function-fixture.ts";

const LATE = { oldestDueMs: 5_000, due: 12, checksNotPosted: 0 };
const IN_TIME = { oldestDueMs: 300, due: 12, checksNotPosted: 0 };

function setUp(deployment?: string) {
  const { log, lines } = keptLog();
  return { hear: createGaugeLog(log, deployment), lines };
}

describe("the log of late timers", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("has no line while timers are fired in time", () => {
    const { hear, lines } = setUp();
    for (let times = 0; times < 100; times++) hear(IN_TIME);
    expect(lines).toEqual([]);
  });

  it("has a line every twenty seconds while they are late", () => {
    const { hear, lines } = setUp();
    for (let seconds = 0; seconds < 60; seconds++) {
      hear(LATE);
      vi.advanceTimersByTime(1_000);
    }
    expect(lines).toHaveLength(3);
    expect(lines[0]).toMatchObject({ level: 40, OldestDueTimerSeconds: 5, DueTimersWaiting: 12 });
    expect(lines[0]).not.toHaveProperty("_aws");
  });

  it("counts each check that was not posted once", () => {
    const { hear, lines } = setUp("Apogee");
    for (const checksNotPosted of [3, 3, 7, 7]) {
      hear({ ...IN_TIME, checksNotPosted });
      vi.advanceTimersByTime(20_000);
    }
    expect(lines.map(({ ChecksNotPosted }) => ChecksNotPosted)).toEqual([3, 4]);
    expect(lines[0]).toMatchObject({
      Deployment: "Apogee",
      _aws: {
        CloudWatchMetrics: [{ Namespace: "Apogee", Dimensions: [["Deployment"]], Metrics: [{ Name: "ChecksNotPosted" }] }],
      },
    });
  });
});

describe("the log of rolling", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("has a line every twenty seconds while the oldest message that is due was stored half an hour ago", () => {
    const { log, lines } = keptLog();
    const hear = createRollGaugeLog(log, "Apogee");
    for (const oldestUnrolledMs of [0, 29 * 60_000, 31 * 60_000, 32 * 60_000])
      hear({ unrolledBytes: 5_000_000, oldestUnrolledMs });
    expect(lines).toMatchObject([{ level: 40, UnrolledBytes: 5_000_000, OldestUnrolledSeconds: 1_860, Deployment: "Apogee" }]);
    vi.advanceTimersByTime(20_000);
    hear({ unrolledBytes: 1, oldestUnrolledMs: 31 * 60_000 });
    expect(lines).toHaveLength(2);
  });
});
