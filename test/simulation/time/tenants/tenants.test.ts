import { describe, expect, it } from "vitest";
import type { Trouble } from "./plan.ts";
import {
  forgetsPassedOver,
  leasesOutliveHolders,
  postsInOneRow,
  renewsNoLease,
  stopsAfterSome,
  type TenantPlant,
  waitsForSlowLanes,
} from "./sabotage.ts";
import { simulateTenants } from "./simulate-tenants.ts";

const SEEDS = 16;
const SEEDS_PER_TEST = 8;
/** A planted bug must be found by then. */
const PLANT_SEEDS = 300;

describe("tenants beside others who have much due, slow queues and dead endpoints", () => {
  for (let from = 1; from <= SEEDS; from += SEEDS_PER_TEST) {
    it(`wait for nobody else with seeds ${from} to ${from + SEEDS_PER_TEST - 1}`, async () => {
      for (let seed = from; seed < from + SEEDS_PER_TEST; seed++) {
        const { violations } = await simulateTenants({ seed });
        expect(violations, `npm run sim -- --time --scenario tenants --seed ${seed}`).toEqual([]);
      }
    });
  }

  it("repeat a history exactly from its seed", async () => {
    const [first, second] = [await simulateTenants({ seed: 6 }), await simulateTenants({ seed: 6 })];
    expect(second).toEqual(first);
  });
});

describe("the auditors of lateness find planted bugs", () => {
  const bugs: readonly [name: string, trouble: Trouble, plant: TenantPlant][] = [
    ["a look that stops after some timers and begins at the first again", "none", stopsAfterSome],
    ["a look that ends with its slowest lane", "none", waitsForSlowLanes],
    ["one row of posts for all producer groups", "none", postsInOneRow],
    ["a lease that outlives its holder", "deaths", leasesOutliveHolders],
  ];
  for (const [name, trouble, plant] of bugs) {
    it(name, async () => {
      expect(await found(trouble, plant)).toBe(true);
    });
  }

  it("a lease that is believed and not renewed", async () => {
    expect(await renewsNoLease(() => found("none"))).toBe(true);
  });

  it("a scanner that forgets what it passed over", async () => {
    expect(await forgetsPassedOver(() => found("none"))).toBe(true);
  });
});

/** Whether some history is late, or out of order. */
async function found(trouble: Trouble, plant?: TenantPlant): Promise<boolean> {
  for (let seed = 1; seed <= PLANT_SEEDS; seed++) {
    const { violations } = await simulateTenants({ seed, troubles: [trouble], ...(plant && { plant }) });
    if (violations.length > 0) return true;
  }
  return false;
}
