import { expect, test } from "vitest";
import { runTimeCrashes } from "./crash-run.ts";

test("three kills under timers and transactions lose nothing, deliver nothing twice or early, and leave one outcome", async () => {
  const report: string[] = [];
  const result = await runTimeCrashes({
    rounds: 3,
    seed: 20_27,
    loadMs: { min: 300, max: 1_500 },
    report: (line) => report.push(line),
  });
  expect(result.violations.slice(0, 20), report.join("\n")).toEqual([]);
  // Otherwise the audit had nothing to look at.
  for (const kind of ["timers", "cancelled", "committed", "rolledBack", "once"])
    expect(result.counts[kind], kind).toBeGreaterThan(5);
});
