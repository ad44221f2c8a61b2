import { type Burst, type FiredBurst, fireBurst } from "./burst.ts";
import { MEASURED_TIMES } from "./one-process.ts";

/** One line of the table. */
export interface CapacityRow extends FiredBurst {
  readonly what: string;
  readonly where: string;
  readonly shards: number;
  readonly scanners: number;
}

/** The default `scannerMemory` of a deployment. */
export const SCANNER_MEMORY_MIB = 1_024;
/** Shorter than the schedule's, so that all scanners are at work after a few seconds. */
const TICK_MS = 10_000;
const WITHIN_MS = 1_000;

const SIZES = {
  "1 KB of JSON": { body: "JSON", bytes: 1_000 },
  "1 KB that does not compress": { body: "random", bytes: 1_000 },
  "4 KB that does not compress": { body: "random", bytes: 4_000 },
} as const;

const PLACES = {
  "one message group": { topics: 1, messageGroup: "g" },
  "one topic": { topics: 1 },
  "40 topics": { topics: 40 },
} as const;

type Size = keyof typeof SIZES;
type Place = keyof typeof PLACES;
type Case = readonly [Size, Place, shards: number, scanners: number, count: number];

/** Each with more timers than are fired in the ten seconds after the last scanner has come. */
const CASES: readonly Case[] = [
  ["1 KB of JSON", "one message group", 4, 1, 8_000],
  ["1 KB of JSON", "one topic", 4, 1, 30_000],
  ["1 KB of JSON", "40 topics", 4, 1, 30_000],
  ["1 KB of JSON", "40 topics", 4, 2, 60_000],
  ["1 KB of JSON", "40 topics", 8, 1, 30_000],
  ["1 KB of JSON", "one topic", 8, 2, 80_000],
  ["1 KB of JSON", "40 topics", 8, 2, 80_000],
  ["1 KB of JSON", "40 topics", 16, 2, 80_000],
  ["1 KB of JSON", "40 topics", 16, 4, 220_000],
  ["1 KB that does not compress", "one message group", 4, 1, 5_000],
  ["1 KB that does not compress", "40 topics", 4, 1, 15_000],
  ["1 KB that does not compress", "40 topics", 8, 2, 40_000],
  ["4 KB that does not compress", "one message group", 4, 1, 5_000],
  ["4 KB that does not compress", "40 topics", 4, 1, 10_000],
  ["4 KB that does not compress", "40 topics", 8, 2, 30_000],
];

const CHECKS = [
  ["checks of transactions that have ended", true, "one producer group", 1, 8_000],
  ["checks of transactions that have ended", true, "40 producer groups", 40, 8_000],
  ["checks that are made", false, "one producer group", 1, 5_000],
  ["checks that are made", false, "40 producer groups", 40, 5_000],
] as const;

const scannersOf = (atOnce: number, memoryMiB = SCANNER_MEMORY_MIB): Burst["scanners"] => ({
  atOnce,
  memoryMiB,
  times: MEASURED_TIMES,
  tickMs: TICK_MS,
});

/** The rates by size, by destination, by shards and scanners. `only`: rows whose names contain it. */
export async function* capacityRows(only = ""): AsyncGenerator<CapacityRow> {
  for (const [what, where, shards, scanners, count] of CASES) {
    if (!`${what}, ${where}`.includes(only)) continue;
    const due = { ...SIZES[what], ...PLACES[where], count };
    const fired = await fireBurst({ shards, scanners: scannersOf(scanners), withinMs: WITHIN_MS, due });
    yield { what, where, shards, scanners, ...fired };
  }
  for (const [what, ended, where, producerGroups, count] of CHECKS) {
    if (!`${what}, ${where}`.includes(only)) continue;
    const due = { ended, producerGroups, count };
    const fired = await fireBurst({ shards: 4, scanners: scannersOf(1), withinMs: WITHIN_MS, due });
    yield { what, where, shards: 4, scanners: 1, ...fired };
  }
}
