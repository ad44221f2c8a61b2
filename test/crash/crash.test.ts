import { expect, test } from "vitest";
import { runCrashes } from "./crash-run.ts";

test("three kills under load lose nothing, repeat nothing acked and leave no hole", async () => {
  const report: string[] = [];
  const result = await runCrashes({
    rounds: 3,
    seed: 20_26,
    loadMs: { min: 300, max: 1_200 },
    report: (line) => report.push(line),
  });
  expect(result.violations.slice(0, 20), report.join("\n")).toEqual([]);
  // Otherwise the audit had nothing to look at.
  expect(result.counts.sent).toBeGreaterThan(50);
  expect(result.counts["ack done"]).toBeGreaterThan(50);
  for (const kind of ["sendUnknown", "nack done", "extend done", "deadLetter done", "dead"]) {
    expect(result.counts[kind], kind).toBeGreaterThan(0);
  }
});
