import { describe, expect, it } from "vitest";
import { NOTHING_ROLLED } from "./audit/rolled-auditor.ts";
import { playLateCreate } from "./late-create.ts";
import type { Plant } from "./sabotage.ts";
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
import {
  acksWhateverIsThere,
  countsExpiredTwice,
  countsUnsent,
  endsShortenedEarly,
  forgetsBacklogs,
  forgetsExtends,
  looksOutsideLate,
  movesUnseen,
  showsSettledAsOpen,
  voidsShortened,
} from "./sabotage-claims.ts";
import { keepsKeysForLater, listsOldKeyFiles, looksIntoSegmentsOnly, mergesAllButOne } from "./sabotage-keys.ts";
import {
  dropsObjectsEarly,
  letsExpiryFall,
  pollsSeeNothing,
  raisesCapOnce,
  refusesLargeFrames,
  waitsForLostObjects,
  writesToExpiringBlocks,
} from "./sabotage-log.ts";
import {
  givesBackWhatIsRepeated,
  keepsRings,
  looksAtTwoBlocks,
  readsMessagesTwice,
  refusesForNothing,
  splitsGroups,
} from "./sabotage-process.ts";
import { acceptsOldHandles, reusesProgress, reusesTopics } from "./sabotage-remade.ts";
import { dropsEarly, dropsTails, forgetsRaises, readsExpired } from "./sabotage-retention.ts";
import {
  believesGaps,
  believesInGaps,
  deletesRolledObjects,
  dropsAtOnce,
  dropsRolledTails,
  forgetsRolledSends,
  keepsNoWatermark,
  keepsTimesOfFrames,
  livesByFirstMessage,
  livesByOldRetention,
  namesBeforeStoring,
  revivesAnchors,
  rollsBlindly,
  rollsOpenBlocks,
} from "./sabotage-rolling.ts";
import type { ScenarioName } from "./scenarios.ts";
import { type SimulationOptions, simulate } from "./simulate.ts";

const SEEDS = 350;
const SEEDS_PER_TEST = 50;
/** A planted bug must be found by then. */
const PLANT_SEEDS = 300;
/** Histories in which every limit of the table should be met. */
const SHAPED_SEEDS_MAX = 60;
/** Histories that roll. */
const ROLLED_SEEDS = 12;

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
    const sum = { conflicts: 0, throttled: 0, cutPages: 0, movedOut: 0 };
    const metAll = () => Object.values(sum).every((times) => times > 0);
    for (let seed = 1; seed <= SHAPED_SEEDS_MAX && !metAll(); seed++) {
      const { met } = await simulate({ seed, shaped: seed % 2 === 0, scenario: "failing" });
      for (const limit of ["conflicts", "throttled", "cutPages", "movedOut"] as const) sum[limit] += met[limit];
    }
    for (const [limit, times] of Object.entries(sum)) expect(times, limit).toBeGreaterThan(0);
  });

  it("rolls and drops on the way, and reads what it rolled", async () => {
    for (const scenario of ["rolled", "rolledAlone"] as const) {
      const sum = { ...NOTHING_ROLLED };
      for (let seed = 1; seed <= ROLLED_SEEDS; seed++) {
        const { rolled } = await simulate({ seed, scenario });
        for (const [counter, count] of Object.entries(rolled)) sum[counter as keyof typeof sum] += count;
      }
      expect(sum.runs, `${scenario}: runs`).toBeGreaterThan(ROLLED_SEEDS);
      expect(sum.messages, `${scenario}: messages`).toBeGreaterThan(8 * ROLLED_SEEDS);
      expect(sum.pages, `${scenario}: pages`).toBeGreaterThan(scenario === "rolled" ? ROLLED_SEEDS : sum.runs);
      expect(sum.refused, `${scenario}: refused commits`).toBeGreaterThan(0);
      expect(sum.read, `${scenario}: reads`).toBeGreaterThan(scenario === "rolled" ? 0 : ROLLED_SEEDS);
      expect(sum.merged, `${scenario}: merged key files`).toBeGreaterThan(ROLLED_SEEDS / 10);
      expect(sum.lookups, `${scenario}: lookups`).toBeGreaterThan(3 * ROLLED_SEEDS);
      if (scenario === "rolledAlone") expect(sum.dropped, "dropped blocks").toBeGreaterThan(5 * ROLLED_SEEDS);
    }
  });

  it("brings message groups out of their item on the way", async () => {
    const { met } = await simulate({ seed: 1, scenario: "busyGroups" });
    expect(met.movedOut, "claims").toBeGreaterThan(0);
    expect(met.backlogged, "what waits behind them").toBeGreaterThan(0);
  });

  it("repeats a history exactly from its seed", async () => {
    const [first, second, other] = [await simulate({ seed: 7 }), await simulate({ seed: 7 }), await simulate({ seed: 8 })];
    expect(second).toEqual(first);
    expect(other.traceHash).not.toBe(first.traceHash);
  });
});

describe("the auditors find planted bugs", () => {
  const bugs: readonly [invariants: string, name: string, scenario: ScenarioName, plant: Plant][] = [
    ["I1", "an append that is forgotten", "plain", { items: forgetsAppends }],
    ["I1", "a block that expires before the one in front of it", "expiring", { items: letsExpiryFall }],
    ["I1 I3", "a block that is written to while it is deleted", "expiring", { items: writesToExpiringBlocks }],
    ["I1", "a frame larger than readers take", "redrivenLarge", refusesLargeFrames],
    ["I2", "a write id that is ignored", "plain", { items: forgetsWriteIds }],
    ["I2 I3", "a chain that begins at the same offset twice", "expiring", { items: raisesCapOnce }],
    ["I3", "a block that is written over", "plain", { items: overwritesBlocks }],
    ["I4", "a claim that anyone may take", "plain", { items: ignoresHolders }],
    ["I4", "a reset that leaves claims to their holders", "reset", { items: resetsOnlyOffsets }],
    ["I4", "claims that move out of their item whatever became of them", "failing", { items: movesBlindly }],
    ["I4", "an extend of a part that is not stored", "heartbeats", { items: forgetsExtends("part") }],
    ["I4", "an extend of a whole delivery that is not stored", "heartbeats", { items: forgetsExtends("whole") }],
    ["I4", "a lease that ends before the time it was shortened to", "shortened", { items: endsShortenedEarly }],
    ["I4", "a lease that is void as soon as it is shortened", "shortened", { items: voidsShortened }],
    ["I4", "a request that takes from the one that repeats it", "impatient", givesBackWhatIsRepeated],
    ["I5", "a message that is passed over", "plain", { items: skipsMessages }],
    ["I5", "a pause that nobody hears of", "paused", { items: forgetsPauses }],
    ["I4 I5", "an ack that ends what another holds", "plain", { items: acksWhateverIsThere }],
    ["I5", "a message that counts as delivered and was not sent", "large", { items: countsUnsent }],
    ["I4 I5 I10", "what is settled and looks open", "messageGroups", { items: showsSettledAsOpen }],
    ["I5 I6", "moves out of an item that do not see each other", "busyGroups", { items: movesUnseen }],
    ["I5", "a backlog that is forgotten", "busyGroups", { items: forgetsBacklogs }],
    ["I6", "a claim under another bucket", "messageGroups", { items: mixesUpBuckets }],
    ["I6", "a message group in two queues", "resizedInOrder", splitsGroups],
    ["I10", "a dead letter that stays", "plain", { items: copiesDeadLetters }],
    ["I10", "a dead letter that is redriven twice", "redriven", { items: redrivesBlindly }],
    ["I10", "an expired message that is counted twice", "expiring", { items: countsExpiredTwice }],
    ["R", "a topic that is made anew over what was in it", "remade", { items: reusesTopics }],
    ["R", "a subscription that is made anew with its progress", "remade", { items: reusesProgress }],
    ["R", "a group that is made anew and takes old handles", "remade", acceptsOldHandles],
    ["L", "a queue that is full of nothing", "outage", refusesForNothing],
    ["L", "a message group that waits outside its item for too long", "busyGroups", { items: looksOutsideLate }],
    ["L", "polls that see nothing", "polling", { items: pollsSeeNothing }],
    ["I1", "an object that lives no longer than the shortest retention", "expiring", dropsObjectsEarly],
    ["I1", "a raised retention that brings back what has expired", "expiring", { items: forgetsRaises }],
    ["I1", "a block that is deleted before its messages expire", "expiring", { items: dropsEarly }],
    ["I3", "the last block of a chain, which is deleted when its messages have expired", "expiring", { items: dropsTails }],
    ["L E", "a lost object that stops its queue", "damaged", waitsForLostObjects],
    ["S2 S3", "a roller that commits over another", "rolled", { items: rollsBlindly }],
    ["S2", "a watermark that is where the index ends", "rolled", { items: keepsNoWatermark }],
    ["S2", "a late commit that brings a deleted topic's anchor back", "rolled", { items: revivesAnchors }],
    ["S3", "a segment that is stored after its index item", "rolled", namesBeforeStoring()],
    ["S1", "a gap that only a stale page has", "rolled", { items: believesGaps }],
    ["S1 S4 I1 I5", "an open block that is rolled", "rolled", { items: rollsOpenBlocks }],
    ["S4", "the last block of a chain, which is dropped when it is rolled", "rolledAlone", { items: dropsRolledTails }],
    ["S3", "a segment that lives by the retention of before", "rolled", { items: livesByOldRetention }],
    ["S3", "a segment that lives as long as its first message", "rolled", { items: livesByFirstMessage }],
    ["I1", "a raised retention that brings back what was rolled", "rolledAlone", { items: forgetsRaises }],
    ["I1", "an object that is deleted when its frames are rolled", "rolled", deletesRolledObjects()],
    ["S8", "keys that are stored after their messages were rolled", "rolled", { items: keepsKeysForLater }],
    ["S8", "a merge that leaves a key file out", "rolled", { items: mergesAllButOne }],
    ["S8", "a lookup by an old list of key files", "rolled", { items: listsOldKeyFiles }],
  ];
  for (const [invariants, name, scenario, plant] of bugs) {
    it(`${invariants}: ${name}`, async () => {
      expect(await found(invariants, { plant, scenario })).toBe(true);
    });
  }

  it("L: rings that are not passed on", async () => {
    expect(await keepsRings(() => found("L", { scenario: "alone" }))).toBe(true);
  });

  it("L: a poll that stops short of what is there", async () => {
    expect(await looksAtTwoBlocks((plant) => found("L", { plant, scenario: "racing" }))).toBe(true);
  });

  it("I4: a message that is read twice", async () => {
    expect(await readsMessagesTwice(() => found("I4", { scenario: "crowdedFilter" }))).toBe(true);
  });

  it("I1: a message that is read although it has expired", async () => {
    expect(await readsExpired(() => found("I1", { scenario: "expiringInOrder" }))).toBe(true);
  });

  it("S1: a segment with the times of frames, not of the chain", async () => {
    expect(await keepsTimesOfFrames(() => found("S1", { scenario: "rolled" }))).toBe(true);
  });

  it("I5: a reader that takes for expired what has left the chain", async () => {
    expect(await believesInGaps(() => found("I1 I5", { scenario: "rolledAlone" }))).toBe(true);
  });

  it("S8: a lookup that finds only what is rolled", async () => {
    expect(await looksIntoSegmentsOnly(() => found("S8", { scenario: "rolled" }))).toBe(true);
  });

  it("S7: a repeat of a send that is looked up in the chain only", async () => {
    expect(await forgetsRolledSends(() => found("S7", { scenario: "rolledAlone" }))).toBe(true);
  });

  it("I3: a block that is dropped while a write of another to its place is on its way", async () => {
    expect(await playLateCreate({})).toEqual([]);
    expect(await playLateCreate(dropsAtOnce)).toContainEqual(expect.stringMatching(/^I3 /));
  });

  it("I4: a lease that is over before the slowest clock says so", async () => {
    expect(await found("I4", { skewMarginMs: 0, scenario: "plain" })).toBe(true);
  });
});

/** Whether some history breaks one of these invariants. */
async function found(invariants: string, options: Omit<SimulationOptions, "seed">): Promise<boolean> {
  const wanted = invariants.split(" ");
  for (let seed = 1; seed <= PLANT_SEEDS; seed++) {
    const { violations } = await simulate({ seed, ...options });
    if (violations.some((violation) => wanted.includes(violation.split(" ")[0] ?? ""))) return true;
  }
  return false;
}
