import type { SeededRandom } from "../../../support/seeded-random.ts";

/** What goes wrong in a history, and so how late those may be who do nothing wrong. */
const TROUBLES = ["none", "deaths", "lostLeases", "unheard", "skew", "wild"] as const;
export type Trouble = (typeof TROUBLES)[number];

/** Who scans: the function, by its schedule and when rung; servers, each by itself; or both. */
export type Scanned = "byFunction" | "byServers" | "byBoth";

/** A topic of a tenant who has much due at once, or whose queues are slow. */
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

/** Producers who left much undecided, and whose endpoint is in trouble. */
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
  /** What a partition takes, and what handlers think it takes. */
  readonly unitsPerSecond: number;
  readonly thoughtUnitsPerSecond: number;
  readonly pageBytesMax: number;
  /** To how many shards of timers a new version spreads them, if there comes one. */
  readonly raisedTo: number | undefined;
}

const UNITS_PER_SECOND = 1_000;
/** DynamoDB's is 1 MB; a few timers here, so that a shard has more than one page. */
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
