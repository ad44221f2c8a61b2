import { expect, test } from "vitest";
import { runCrashes } from "./crash-run.ts";

test("three kills under load lose nothing, repeat nothing acked and leave no hole", async () => {
  const report: string[] = [];
  const result = await runCrashes({
    rounds: 3,
    seed: 20_26,
    loadMs: { min: 600, max: 1_200 },
    report: (line) => report.push(line),
  });
  expect(result.violations.slice(0, 20), report.join("\n")).toEqual([]);
  // Otherwise the audit had nothing to look at.
  expect(result.counts.sent).toBeGreaterThan(50);
  expect(result.counts["ack done"]).toBeGreaterThan(50);
  const asked = (action: string) =>
    Object.entries(result.counts).reduce((sum, [kind, count]) => sum + (kind.startsWith(`${action} `) ? count : 0), 0);
  for (const action of ["nack", "extend", "deadLetter"]) expect(asked(action), report.join("\n")).toBeGreaterThan(0);
  expect(result.counts.sendUnknown).toBeGreaterThan(0);
});
