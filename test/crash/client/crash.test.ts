import { expect, test } from "vitest";
import { runClientCrashes } from "./crash-run.ts";

test("clients go on through kills of the server and of workers: nothing is lost, doubled or handled early", async () => {
  const report: string[] = [];
  const { violations, counts } = await runClientCrashes({
    rounds: 4,
    seed: 20_27,
    loadMs: { min: 1_000, max: 2_000 },
    report: (line) => report.push(line),
  });
  expect(violations.slice(0, 10), report.join("\n")).toEqual([]);
  // Otherwise the audit had nothing to look at.
  expect(counts.stored).toBeGreaterThan(200);
  expect(counts.numbered).toBeGreaterThan(100);
  expect(counts.finished).toBeGreaterThan(200);
});
