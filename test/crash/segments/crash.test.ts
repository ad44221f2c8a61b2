import { describe, expect, test } from "vitest";
import { runSegmentCrashes } from "./crash-run.ts";
import { MOMENTS } from "./moments.ts";
import { RolledAudit } from "./rolled-audit.ts";

/** One of each step. `npm run crash -- --load segments` takes all of them. */
const SOME = MOMENTS.filter(({ call, side }) =>
  call === "drop" || call === "end merge" ? side === "before" : side === "after",
).filter(({ call }) => call !== "put key file" && call !== "go on merging");

test("a server that dies while it rolls, drops or merges has lost, doubled and changed nothing", {
  timeout: 400_000,
}, async () => {
  const report: string[] = [];
  const settings = { rounds: SOME.length, moments: SOME, seed: 20_26, report: (line: string) => void report.push(line) };
  // The machine may be busy with other tests. `npm run crash` wants a second.
  const result = await runSegmentCrashes({ ...settings, restartMsMax: 10_000 });
  expect(result.violations.slice(0, 20), report.join("\n")).toEqual([]);
  // Otherwise the audit had nothing to look at.
  for (const { side, call } of SOME) expect(result.counts[`died ${side} ${call}`], report.join("\n")).toBe(1);
  expect(result.counts.segments).toBeGreaterThan(1);
});

describe("the auditor finds each planted fault", () => {
  const message = (offset: number, more = {}) => ({
    place: `0/${offset}`,
    messageId: `m${offset}`,
    key: "k",
    body: `b${offset}`,
    storedAt: "t",
    ...more,
  });
  const rules = (...readings: (readonly ReturnType<typeof message>[])[]) => {
    const audit = new RolledAudit();
    for (const body of ["b0", "b1"]) audit.attempted(body);
    audit.acknowledged(message(0));
    return readings.flatMap((reading) => audit.read(reading)).map(({ rule }) => rule);
  };
  test("none", () => expect(rules([message(0)], [message(0), message(1)])).toEqual([]));
  test("lost", () => expect(rules([message(1)])).toEqual(["lost"]));
  test("lost later", () => expect(rules([message(0), message(1)], [message(0)])).toEqual(["lost"]));
  test("another time", () => expect(rules([message(0)], [message(0, { storedAt: "u" })])).toEqual(["changed"]));
  test("twice", () => expect(rules([message(0), message(1, { body: "b0" })])).toEqual(["storedTwice"]));
  test("never sent", () => expect(rules([message(0), message(2)])).toEqual(["phantom"]));
});
