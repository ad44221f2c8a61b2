import type { SeededRandom } from "../../../support/seeded-random.ts";

/** The trouble of a history. It determines how late innocent tenants may be. */
const TROUBLES = ["none", "deaths", "lostLeases", "unheard", "skew", "wild"] as const;
export type Trouble = (typeof TROUBLES)[number];

/** Who scans: the function, by schedule and when rung; servers, each by itself; or both. */
export type Scanned = "byFunction" | "byServers" | "byBoth";

/** A topic of a tenant with many timers due at once, or with slow queues. */
export interface Backlog {
  readonly topic: string;
  readonly queues: number;
  readonly messages: number;
  /** 0: none. */
  readonly messageGroups: number;
  /** Half of them are due at once, the others one after the other within this time. */
  readonly spreadMs: number;
  readonly slow: boolean;
}

/** How the producers of a group answer at their endpoint. */
export type Manner = "prompt" | "slow" | "dead" | "flaky";

/** Producers with many undecided transactions and an endpoint in trouble. */
export interface Undecided {
  readonly producerGroup: string;
  readonly manner: Manner;
  readonly transactions: number;
  readonly maxChecks: number;
}

export interface Plan {
  readonly trouble: Trouble;
  readonly scanned: Scanned;
  readonly scannersPerTick: readonly number[];
  readonly backlogs: readonly Backlog[];
  readonly undecided: readonly Undecided[];
  /** The units that a partition takes, and that handlers assume. */
  readonly unitsPerSecond: number;
  readonly thoughtUnitsPerSecond: number;
  readonly pageBytesMax: number;
  /** The number of timer shards of a new version, if one comes. */
  readonly raisedTo: number | undefined;
}

const UNITS_PER_SECOND = 1_000;
/** DynamoDB's page has 1 MB. Here it may have a few timers, so that a shard has several pages. */
const PAGE_BYTES = [1_000_000, 20_000, 6_000] as const;

export function drawPlan(random: SeededRandom, troubles: readonly Trouble[] = TROUBLES): Plan {
  const trouble = random.chance(0.4) && troubles.includes("none") ? "none" : random.pick(troubles);
  const throttled = random.chance(0.3);
  return {
    trouble,
    scanned: trouble === "unheard" ? "byFunction" : random.pick(["byFunction", "byFunction", "byServers", "byBoth"]),
    scannersPerTick: random.pick([[1], [1], [1, 2], [2]]),
    backlogs: drawBacklogs(random),
    undecided: drawUndecided(random),
    unitsPerSecond: throttled ? UNITS_PER_SECOND / 2 : UNITS_PER_SECOND,
    thoughtUnitsPerSecond: UNITS_PER_SECOND,
    pageBytesMax: random.pick(PAGE_BYTES),
    raisedTo: random.chance(0.25) ? random.pick([5, 8]) : undefined,
  };
}

function drawBacklogs(random: SeededRandom): readonly Backlog[] {
  const busy = Array.from({ length: random.pick([0, 1, 1, 2]) }, (_, index) => ({
    topic: `busy${index}`,
    queues: random.pick([1, 2, 4]),
    messages: random.pick([300, 900, 1_800]),
    messageGroups: random.pick([0, 1, 1, 60]),
    spreadMs: random.pick([0, 500, 8_000]),
    slow: false,
  }));
  const slow = Array.from({ length: random.pick([0, 0, 1, 3, 6]) }, (_, index) => ({
    topic: `slow${index}`,
    queues: 1,
    messages: random.pick([5, 120, 300, 1_200]),
    messageGroups: random.pick([0, 1, 20]),
    spreadMs: random.pick([0, 500, 8_000]),
    slow: true,
  }));
  return [...busy, ...slow];
}

const MANNERS = ["slow", "dead", "flaky"] as const;

function drawUndecided(random: SeededRandom): readonly Undecided[] {
  const [groups, transactions] = random.pick([
    [0, 0],
    [1, 250],
    [3, 60],
    [12, 4],
  ] as const);
  return Array.from({ length: groups }, (_, index) => ({
    producerGroup: `troubled${index}`,
    manner: random.pick(MANNERS),
    transactions,
    maxChecks: random.pick([1, 2, 3]),
  }));
}
