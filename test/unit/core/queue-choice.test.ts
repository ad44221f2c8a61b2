import { describe, expect, it } from "vitest";
import { STICKY_MS_MAX, TAIL_CACHE_MS } from "../../../core/log/log-limits.ts";
import { QueueChoice } from "../../../core/produce/queue-choice.ts";
import { ManualClock } from "../../support/clocks/manual-clock.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

const topic = { uid: "u", writeQueues: 4 };
const fast = { latencyMs: 8, lostRaces: 0 };

const setUp = (policy: "roundRobin" | "sticky", seed = 1) => {
  const clock = new ManualClock();
  const gathering = new Set<number>();
  const log = { gathers: (_: string, queueId: number) => gathering.has(queueId) };
  return { clock, gathering, choice: new QueueChoice({ clock, random: new SeededRandom(seed), log }, policy) };
};
const several = (count: number, choose: () => number): number[] => Array.from({ length: count }, choose);

it("goes round where every queue costs the same", () => {
  const { choice } = setUp("roundRobin");
  const [first = 0, ...rest] = several(5, () => choice.choose(topic));
  expect(rest).toEqual([1, 2, 3, 4].map((step) => (first + step) % 4));
});

it("stays where messages wait that can share a write, and then goes on", () => {
  const { choice, gathering } = setUp("roundRobin");
  const first = choice.choose(topic);
  gathering.add(first);
  expect(several(10, () => choice.choose(topic))).toEqual(Array.from({ length: 10 }, () => first));
  gathering.delete(first);
  expect(choice.choose(topic)).toBe((first + 1) % 4);
  gathering.add(first);
  expect(choice.choose(topic)).toBe((first + 2) % 4);
});

it("leaves a queue that failed, whatever waits there", () => {
  const { choice, gathering } = setUp("roundRobin");
  const first = choice.choose(topic);
  gathering.add(first);
  choice.saw(topic.uid, (first + 1) % 4, "failed");
  expect(choice.choose(topic)).toBe(first);
  choice.saw(topic.uid, first, "failed");
  expect(choice.choose(topic)).toBe((first + 1) % 4);
});

describe("sticky", () => {
  it("stays while the tail's copy is fresh, and moves on in the end", async () => {
    const { clock, choice } = setUp("sticky");
    const met = new Set<number>();
    const first = choice.choose(topic);
    for (let elapsedMs = 0; elapsedMs < STICKY_MS_MAX; elapsedMs += TAIL_CACHE_MS) {
      expect(choice.choose(topic)).toBe(first);
      choice.saw(topic.uid, first, fast);
      await clock.pass(TAIL_CACHE_MS);
    }
    for (let round = 0; round < 20; round++) {
      await clock.pass(TAIL_CACHE_MS + 1);
      met.add(choice.choose(topic));
    }
    expect([...met].sort()).toEqual([0, 1, 2, 3]);
  });

  it("takes one of those it prefers, and another where these are slow for long", async () => {
    const { clock, choice } = setUp("sticky");
    const prefers = (queueId: number): boolean => queueId >= 2;
    const chosen = async (): Promise<ReadonlySet<number>> => {
      const met = new Set<number>();
      for (let times = 0; times < 20; times++) {
        await clock.pass(TAIL_CACHE_MS + 1);
        met.add(choice.choose(topic, prefers));
      }
      return met;
    };
    choice.choose(topic, (queueId) => queueId === 0);
    expect(choice.choose(topic, prefers)).toBeGreaterThanOrEqual(2);
    expect([...(await chosen())].sort()).toEqual([2, 3]);
    // As slow as a sender that is busy itself.
    for (const queueId of [2, 3]) choice.saw(topic.uid, queueId, { latencyMs: 1_000, lostRaces: 0 });
    expect(choice.choose(topic, prefers)).toBeGreaterThanOrEqual(2);
    for (const queueId of [2, 3]) choice.saw(topic.uid, queueId, { latencyMs: 5_000, lostRaces: 0 });
    expect(choice.choose(topic, prefers)).toBeLessThan(2);
    await clock.pass(10_000);
    expect([...(await chosen())].sort()).toEqual([2, 3]);
  });

  it("leaves a queue whose race it lost", () => {
    for (let seed = 0; seed < 20; seed++) {
      const { choice } = setUp("sticky", seed);
      const first = choice.choose(topic);
      choice.saw(topic.uid, first, { latencyMs: 8, lostRaces: 1 });
      expect(choice.choose(topic)).not.toBe(first);
    }
  });

  // Source: RocketMQ's table: 550 ms are worth 2 s, 1,800 ms 5 s, a failure 10 s.
  it.each([
    [{ latencyMs: 549, lostRaces: 0 }, 0],
    [{ latencyMs: 550, lostRaces: 0 }, 2_000],
    [{ latencyMs: 1_800, lostRaces: 0 }, 5_000],
    ["failed" as const, 10_000],
  ])("passes a queue over after %o for %i ms", async (outcome, timeoutMs) => {
    for (let seed = 0; seed < 10; seed++) {
      const { clock, choice } = setUp("sticky", seed);
      const one = { uid: "u", writeQueues: 2 };
      const slow = choice.choose(one);
      choice.saw(one.uid, slow, outcome);
      if (timeoutMs === 0) {
        expect(choice.choose(one)).toBe(slow);
        continue;
      }
      await clock.pass(timeoutMs - 1);
      expect(choice.choose(one)).not.toBe(slow);
      choice.saw(one.uid, 1 - slow, "failed");
      await clock.pass(2);
      expect(choice.choose(one), "free again, the other one is not").toBe(slow);
    }
  });

  it("takes the one that is free first where none is", async () => {
    const { clock, choice } = setUp("sticky");
    for (const [queueId, latencyMs] of [5_000, 15_000, 550, 3_000].entries())
      choice.saw(topic.uid, queueId, { latencyMs, lostRaces: 0 });
    expect(choice.choose(topic)).toBe(2);
    await clock.pass(1);
    choice.saw(topic.uid, 2, "failed");
    expect(choice.choose(topic)).toBe(3);
  });

  it("never names a queue that was taken away", () => {
    const { choice } = setUp("sticky");
    for (let round = 0; round < 50; round++) {
      choice.choose({ uid: "u", writeQueues: 8 });
      expect(choice.choose({ uid: "u", writeQueues: 2 })).toBeLessThan(2);
    }
  });
});
