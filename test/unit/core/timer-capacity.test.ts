import { describe, expect, it } from "vitest";
import { fireBurst } from "../../../bench/capacity/burst.ts";
import { MEASURED_TIMES } from "../../../bench/capacity/one-process.ts";

const TICK_MS = 6_000;
const COUNT = 24_000;
/** Deleting a timer of 1 KB and its share of an append, were nothing refused. */
const UNITS_EACH = 2.2;

describe("two scanners that share the shards of a burst, all of whose units are in use", () => {
  it("lose few units to transactions that are refused", async () => {
    const fired = await fireBurst({
      shards: 4,
      scanners: { atOnce: 2, memoryMiB: 1_024, times: MEASURED_TIMES, tickMs: TICK_MS },
      withinMs: 1_000,
      due: { count: COUNT, body: "JSON", bytes: 1_000, topics: 40 },
    });
    // What both fire is lost with all that goes with it.
    expect(fired.refusedUnits).toBeLessThan(0.12);
    expect(fired.writeUnits).toBeLessThan(1.5 * UNITS_EACH);
    expect(fired.tookMs).toBeLessThan(20_000);
  }, 60_000);
});
