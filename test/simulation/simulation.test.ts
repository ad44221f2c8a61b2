import { describe, expect, it } from "vitest";
import type { Sabotage } from "./sabotage.ts";
import {
  copiesDeadLetters,
  forgetsAppends,
  forgetsPauses,
  forgetsWriteIds,
  ignoresHolders,
  mixesUpBuckets,
  movesBlindly,
  overwritesBlocks,
  redrivesBlindly,
  resetsOnlyOffsets,
  skipsMessages,
} from "./sabotage.ts";
import type { ScenarioName } from "./scenario.ts";
import { type SimulationOptions, simulate } from "./simulate.ts";

const SEEDS = 160;
const SEEDS_PER_TEST = 20;
const SABOTAGE_SEEDS = 60;
/** Histories in which every limit of the table should be met. */
const SHAPED_SEEDS_MIN = 8;
const SHAPED_SEEDS_MAX = 60;

describe("send, receive and settle over failing stores", () => {
  for (let from = 1; from <= SEEDS; from += SEEDS_PER_TEST) {
    it(`keeps every invariant with seeds ${from} to ${from + SEEDS_PER_TEST - 1}`, async () => {
      for (let seed = from; seed < from + SEEDS_PER_TEST; seed++) {
        const { violations } = await simulate({ seed });
        expect(violations, `npm run sim -- --seed ${seed}`).toEqual([]);
      }
    });
  }

  it("meets the limits of a DynamoDB table on the way, and of an item", async () => {
    const sum = { conflicts: 0, throttled: 0, cutPages: 0, spilled: 0 };
    const metAll = () => Object.values(sum).every((times) => times > 0);
    for (let seed = 1; seed <= SHAPED_SEEDS_MIN || (seed <= SHAPED_SEEDS_MAX && !metAll()); seed++) {
      const { violations, met } = await simulate({ seed, shaped: true, failing: seed % 2 === 0, scenario: "plain" });
      expect(violations, `seed ${seed}`).toEqual([]);
      for (const limit of ["conflicts", "throttled", "cutPages", "spilled"] as const) sum[limit] += met[limit];
    }
    for (const [limit, times] of Object.entries(sum)) expect(times, limit).toBeGreaterThan(0);
  });

  it("repeats a history exactly from its seed", async () => {
    const [first, second, other] = [await simulate({ seed: 7 }), await simulate({ seed: 7 }), await simulate({ seed: 8 })];
    expect(second).toEqual(first);
    expect(other.traceHash).not.toBe(first.traceHash);
  });
});

describe("the auditors find planted bugs", () => {
  const bugs: readonly [invariant: string, name: string, scenario: ScenarioName, sabotage: Sabotage][] = [
    ["I1", "an append that is forgotten", "plain", forgetsAppends],
    ["I2", "a write id that is ignored", "plain", forgetsWriteIds],
    ["I3", "a block that is written over", "plain", overwritesBlocks],
    ["I4", "a claim that anyone may take", "plain", ignoresHolders],
    ["I4", "a reset that leaves claims to their holders", "reset", resetsOnlyOffsets],
    ["I5", "a message that is passed over", "plain", skipsMessages],
    ["I5", "a pause that nobody hears of", "paused", forgetsPauses],
    ["I6", "a claim under another bucket", "messageGroups", mixesUpBuckets],
    ["I10", "a dead letter that stays", "plain", copiesDeadLetters],
    ["I10", "a dead letter that is redriven twice", "redriven", redrivesBlindly],
  ];
  for (const [invariant, name, scenario, sabotage] of bugs) {
    it(`${invariant}: ${name}`, async () => {
      expect(await found(invariant, { sabotage, scenario, failing: false })).toBe(true);
    });
  }

  it("I4: claims that move out of their item whatever became of them", async () => {
    expect(await found("I4", { sabotage: movesBlindly, scenario: "plain", failing: true })).toBe(true);
  });

  it("I4: a lease that is over before the slowest clock says so", async () => {
    expect(await found("I4", { skewMarginMs: 0 })).toBe(true);
  });
});

/** Whether some history breaks this invariant; one that ends in an exception counts for none. */
async function found(invariant: string, options: Omit<SimulationOptions, "seed">): Promise<boolean> {
  for (let seed = 1; seed <= SABOTAGE_SEEDS; seed++) {
    const { violations } = await simulate({ seed, ...options }).catch(() => ({ violations: [] }));
    if (violations.some((violation) => violation.startsWith(`${invariant} `))) return true;
  }
  return false;
}
