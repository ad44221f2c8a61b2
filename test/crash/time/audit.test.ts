import { describe, expect, test } from "vitest";
import { audit, RULES, type Rule } from "./audit.ts";
import type { Fact, Found, HalfFact, OnceFact, TimerFact } from "./facts.ts";

const timer = (more: Partial<TimerFact> = {}): TimerFact => ({
  kind: "timer",
  body: "t",
  dueMs: 1_000,
  acknowledged: true,
  ...more,
});
const half = (...told: ("commit" | "rollback")[]): HalfFact => ({
  kind: "half",
  body: "h",
  acknowledged: true,
  told: new Set(told),
});
const once = (more: Partial<OnceFact> = {}): OnceFact => ({
  kind: "once",
  body: "o",
  places: ["0/1", "0/1"],
  firsts: 1,
  ...more,
});
const found = (body: string, more: Partial<Found> = {}): Found => ({ body, place: "0/1", storedAtMs: 1_000, ...more });
const broken = (facts: Fact[], stored: Found[], unexpected: string[] = []): Rule[] => [
  ...new Set(audit(facts, stored, unexpected).map(({ rule }) => rule)),
];

describe("the auditor finds each planted fault", () => {
  const planted: Record<Rule, Rule[]> = {
    lost: broken([timer()], []),
    twice: broken([timer()], [found("t"), found("t", { place: "0/2" })]),
    early: broken([timer()], [found("t", { storedAtMs: 999 })]),
    cancelledDelivered: broken([timer({ cancelled: "yes" })], [found("t")]),
    twoOutcomes: broken([half("rollback")], [found("h")]),
    answeredUnlike: broken([once({ places: ["0/1", "0/2"] })], [found("o")]),
    phantom: broken([], [found("x")]),
    unexpected: broken([], [], ["500"]),
  };
  for (const rule of RULES) test(rule, () => expect(planted[rule]).toEqual([rule]));

  test("and its other shapes", () => {
    expect(broken([half("commit")], [])).toEqual(["lost"]);
    expect(broken([half("commit", "rollback")], [found("h")])).toEqual(["twoOutcomes"]);
    expect(broken([half()], [found("h")])).toEqual(["twoOutcomes"]);
    expect(broken([once()], [])).toEqual(["lost"]);
    expect(broken([once()], [found("o", { place: "3/3" })])).toEqual(["answeredUnlike"]);
    expect(broken([once({ firsts: 2 })], [found("o")])).toEqual(["answeredUnlike"]);
    expect(broken([timer({ cancelled: "no" })], [])).toEqual(["lost"]);
  });
});

test("what a correct broker may do is accepted", () => {
  expect(broken([timer(), half("commit"), once()], [found("t"), found("h"), found("o")])).toEqual([]);
  for (const stored of [[], [found("t")]]) {
    expect(broken([timer({ acknowledged: false })], stored)).toEqual([]);
    expect(broken([timer({ cancelled: "unknown" })], stored)).toEqual([]);
  }
  expect(broken([timer({ cancelled: "yes" }), half("rollback"), half(), once({ places: [], firsts: 0 })], [])).toEqual([]);
  expect(broken([once({ places: ["0/1"], firsts: 0 })], [found("o")])).toEqual([]);
});
