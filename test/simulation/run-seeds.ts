import { NOTHING_ROLLED, type Rolled } from "./audit/rolled-auditor.ts";
import type { ScenarioName } from "./scenarios.ts";
import { simulate } from "./simulate.ts";
import { playTimeHistory, type TimeHistory, timeHistoryOf } from "./time/time-histories.ts";

/** Which seeds one process takes: each `of`th. */
export interface Share {
  readonly first: number;
  readonly count: number;
  readonly part: number;
  readonly of: number;
  readonly scenario: ScenarioName | undefined;
  /** Whether the histories are of timers and the like; if of one kind only, which. */
  readonly time: boolean | TimeHistory;
  readonly traces: boolean;
  /** Prints everything that happens. */
  readonly log: boolean;
}

/** The report of one process on its seeds: by scenario, how many, and the processor milliseconds they took. */
export type Tally = Record<string, { seeds: number; ms: number; delivered: number; failed: number } & Rolled>;

process.on("message", async (share: Share) => {
  const tally = await runSeeds(share);
  process.send?.(tally, () => process.disconnect());
});

async function runSeeds({ first, count, part, of, scenario, time, traces, log }: Share): Promise<Tally> {
  const tally: Tally = {};
  for (let seed = first + part; seed < first + count; seed += of) {
    const before = process.cpuUsage();
    const listen = log ? { listen: (line: string) => process.stdout.write(`${line}\n`) } : {};
    const history = time === true ? timeHistoryOf(seed) : time;
    const result = history
      ? { scenario: history, ...(await playTimeHistory(history, { seed, ...listen })) }
      : await simulate({ seed, ...(scenario === undefined ? {} : { scenario }), ...listen });
    const row = tally[result.scenario] ?? { seeds: 0, ms: 0, delivered: 0, failed: 0, ...NOTHING_ROLLED };
    tally[result.scenario] = row;
    row.seeds++;
    const { user, system } = process.cpuUsage(before);
    row.ms += (user + system) / 1_000;
    row.delivered += result.delivered;
    if ("rolled" in result) for (const [counter, count] of Object.entries(result.rolled)) row[counter as keyof Rolled] += count;
    if (traces) process.stdout.write(`${result.scenario}, trace ${result.traceHash}\n`);
    if (result.violations.length === 0) continue;
    row.failed++;
    const found = result.violations.map((violation) => `  ${violation}\n`).join("");
    process.stdout.write(`seed ${seed} (${result.scenario})\n${found}`);
  }
  return tally;
}
