import { describe, expect, it } from "vitest";
import type { Sabotage } from "../sabotage.ts";
import {
  asksNobody,
  checksBlindly,
  decidesBlindly,
  forgetsCancels,
  forgetsFirstChecks,
  forgetsProducers,
  keepsTimers,
  knowsInTwoWrites,
  movesInTwoWrites,
  readsBackwards,
} from "./sabotage.ts";
import { simulateTime, type TimeSimulationOptions } from "./simulate-time.ts";

const SEEDS = 32;
const SEEDS_PER_TEST = 8;
const SABOTAGE_SEEDS = 64;
/** The part of a history that concerns each invariant. */
const PARTS = { I7: "timers", I8: "transactions", I9: "once" } as const;

describe("delayed messages, transactions and sends with an identity over failing stores", () => {
  for (let from = 1; from <= SEEDS; from += SEEDS_PER_TEST) {
    it(`keeps every invariant with seeds ${from} to ${from + SEEDS_PER_TEST - 1}`, async () => {
      for (let seed = from; seed < from + SEEDS_PER_TEST; seed++) {
        const { violations } = await simulateTime({ seed });
        expect(violations, `npm run sim -- --time --scenario time --seed ${seed}`).toEqual([]);
      }
    });
  }

  it("repeats a history exactly from its seed", async () => {
    const [first, second] = [await simulateTime({ seed: 9 }), await simulateTime({ seed: 9 })];
    expect(second).toEqual(first);
  });
});

describe("the auditors of time find planted bugs", () => {
  const bugs: readonly [invariant: keyof typeof PARTS, name: string, sabotage: Sabotage][] = [
    ["I7", "a timer that is delivered and stays", keepsTimers],
    ["I7", "a cancel that leaves no tombstone", forgetsCancels],
    ["I7", "a move in two writes", movesInTwoWrites],
    ["I7", "a look that finds the latest first", readsBackwards],
    ["I8", "a verdict whatever the state", decidesBlindly],
    ["I8", "a check that is made by two at once", checksBlindly],
    ["I8", "a half message without its first check", forgetsFirstChecks],
    ["I8", "a discard of what nobody was asked about", asksNobody],
    ["I9", "a key that is written after its message", knowsInTwoWrites],
    ["I9", "a producer's sequence that nobody compares", forgetsProducers],
  ];
  for (const [invariant, name, sabotage] of bugs) {
    it(`${invariant}: ${name}`, async () => {
      expect(await found(invariant, { sabotage, parts: [PARTS[invariant]] })).toBe(true);
    });
  }

  it("I7: a put that is repeated close to its due time", async () => {
    expect(await found("I7", { flightMs: 0, parts: [PARTS.I7] })).toBe(true);
  });
});

/** Whether some history with faults breaks this invariant. One that ends in an exception does not count. */
async function found(invariant: string, options: Omit<TimeSimulationOptions, "seed" | "calm">): Promise<boolean> {
  for (let seed = 1; seed <= SABOTAGE_SEEDS; seed++) {
    const { violations } = await simulateTime({ seed, calm: false, ...options }).catch(() => ({ violations: [] }));
    if (violations.some((violation) => violation.startsWith(`${invariant} `))) return true;
  }
  return false;
}
