import { expect, test } from "vitest";
import { runGrpcCrashes } from "./crash-run.ts";

test("push consumers of RocketMQ's client go on through kills of the server and of themselves", {
  timeout: 240_000,
}, async () => {
  const report: string[] = [];
  const { violations, counts } = await runGrpcCrashes({
    rounds: 3,
    seed: 20_28,
    loadMs: { min: 2_000, max: 4_000 },
    report: (line) => report.push(line),
  });
  expect(violations.slice(0, 10), report.join("\n")).toEqual([]);
  // Otherwise the audit had nothing to look at.
  expect(counts.stored).toBeGreaterThan(200);
  expect(counts.finished).toBeGreaterThan(200);
});
