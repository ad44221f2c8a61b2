import type { Fact, Found, HalfFact, OnceFact, TimerFact } from "./facts.ts";

export const RULES = [
  "lost",
  "twice",
  "early",
  "cancelledDelivered",
  "twoOutcomes",
  "answeredUnlike",
  "phantom",
  "unexpected",
] as const;
export type Rule = (typeof RULES)[number];

export interface Violation {
  readonly rule: Rule;
  readonly detail: string;
}

/** Every timer fires once and not early, or was cancelled (I7); a transaction has one outcome (I8); a dedup key is stored once (I9). */
export const audit = (facts: readonly Fact[], found: readonly Found[], unexpected: readonly string[]): readonly Violation[] => {
  const copies = new Map<string, Found[]>();
  for (const one of found) copies.set(one.body, [...(copies.get(one.body) ?? []), one]);
  const known = new Set(facts.map(({ body }) => body));
  return [
    ...unexpected.map((detail) => ({ rule: "unexpected" as const, detail })),
    ...found.filter(({ body }) => !known.has(body)).map(({ body }) => ({ rule: "phantom" as const, detail: body })),
    ...facts.flatMap((fact) => {
      const stored = copies.get(fact.body) ?? [];
      const violations = stored.length > 1 ? [{ rule: "twice" as const, detail: `${fact.body}, ${stored.length} times` }] : [];
      return [...violations, ...auditFact(fact, stored)];
    }),
  ];
};

const auditFact = (fact: Fact, stored: readonly Found[]): readonly Violation[] => {
  switch (fact.kind) {
    case "timer":
      return auditTimer(fact, stored);
    case "half":
      return auditHalf(fact, stored);
    case "once":
      return auditOnce(fact, stored);
  }
};

const auditTimer = (fact: TimerFact, stored: readonly Found[]): Violation[] => {
  const violations: Violation[] = [];
  const mayBeGone = !fact.acknowledged || fact.cancelled === "yes" || fact.cancelled === "unknown";
  if (stored.length === 0 && !mayBeGone) violations.push({ rule: "lost", detail: `${fact.body}, cancelled ${fact.cancelled}` });
  if (stored.length > 0 && fact.cancelled === "yes") violations.push({ rule: "cancelledDelivered", detail: fact.body });
  for (const { storedAtMs } of stored)
    if (storedAtMs < fact.dueMs) violations.push({ rule: "early", detail: `${fact.body} by ${fact.dueMs - storedAtMs} ms` });
  return violations;
};

const auditHalf = ({ body, told }: HalfFact, stored: readonly Found[]): Violation[] => {
  if (told.size > 1) return [{ rule: "twoOutcomes", detail: `${body} was told both` }];
  if (told.has("commit") && stored.length === 0) return [{ rule: "lost", detail: `${body} was committed` }];
  if (told.has("rollback") && stored.length > 0)
    return [{ rule: "twoOutcomes", detail: `${body} was rolled back, and delivered` }];
  return told.size === 0 && stored.length > 0 ? [{ rule: "twoOutcomes", detail: `${body} was delivered without a verdict` }] : [];
};

const auditOnce = ({ body, places, firsts }: OnceFact, stored: readonly Found[]): Violation[] => {
  const violations: Violation[] = [];
  if (places.length > 0 && stored.length === 0) violations.push({ rule: "lost", detail: body });
  if (new Set([...places, ...(places.length > 0 ? stored.map(({ place }) => place) : [])]).size > 1)
    violations.push({ rule: "answeredUnlike", detail: `${body}: ${places.join(", ")}` });
  if (firsts > 1) violations.push({ rule: "answeredUnlike", detail: `${body}: ${firsts} sends were the first` });
  return violations;
};
