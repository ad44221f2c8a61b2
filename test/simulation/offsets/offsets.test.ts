import { describe, expect, it } from "vitest";
import type { Plant } from "../sabotage.ts";
import {
  allowsRewinds,
  asksNoOwner,
  commitsBlindly,
  commitsTooFar,
  dropsFence,
  forgetsCommits,
  repeatsRewinds,
  resetsSilently,
} from "./sabotage.ts";
import { simulateOffsets } from "./simulate-offsets.ts";

const SEEDS = 200;
const SEEDS_PER_TEST = 50;
/** A planted bug must be found by then. */
const PLANT_SEEDS = 500;

describe("consumers that pull and commit, over failing stores", () => {
  for (let from = 1; from <= SEEDS; from += SEEDS_PER_TEST) {
    it(`keeps every invariant with seeds ${from} to ${from + SEEDS_PER_TEST - 1}`, async () => {
      for (let seed = from; seed < from + SEEDS_PER_TEST; seed++) {
        const { violations } = await simulateOffsets({ seed });
        expect(violations, `npm run sim -- --time --scenario offsets --seed ${seed}`).toEqual([]);
      }
    });
  }

  it("meets everything on the way that it is about", async () => {
    const sum: Record<string, number> = {};
    for (let seed = 1; seed <= 60; seed++)
      for (const [what, times] of Object.entries((await simulateOffsets({ seed })).met)) sum[what] = (sum[what] ?? 0) + times;
    for (const [what, times] of Object.entries(sum)) expect(times, what).toBeGreaterThan(what === "commits" ? 1_000 : 10);
  });

  it("repeats a history exactly from its seed", async () => {
    expect(await simulateOffsets({ seed: 7 })).toEqual(await simulateOffsets({ seed: 7 }));
  });
});

describe("the auditor of offsets finds planted bugs", () => {
  const bugs: readonly [invariant: string, name: string, plant: Plant][] = [
    ["O2", "a fence that does not hold at the write", { items: dropsFence }],
    ["O2", "a reset that members undo", { items: resetsSilently }],
    ["O2", "a commit of another's queue", asksNoOwner],
    ["O1", "commits that cross", { items: commitsBlindly }],
    ["O1", "a rewind that is applied twice", { items: repeatsRewinds }],
    ["O1", "a rewind that nobody allowed", allowsRewinds],
    ["O3", "a commit that passes what was not pulled", { items: commitsTooFar }],
    ["O4", "a commit that is answered and forgotten", { items: forgetsCommits }],
  ];
  for (const [invariant, name, plant] of bugs) {
    it(`${invariant}: ${name}`, async () => {
      let seed = 1;
      while (seed <= PLANT_SEEDS && !(await breaks(invariant, seed, plant))) seed++;
      expect(seed).toBeLessThanOrEqual(PLANT_SEEDS);
    });
  }
});

const breaks = async (invariant: string, seed: number, plant: Plant): Promise<boolean> =>
  (await simulateOffsets({ seed, plant })).violations.some((violation) => violation.startsWith(`${invariant} `));
