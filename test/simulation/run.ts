import { fork } from "node:child_process";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { SCENARIOS, type ScenarioName } from "./scenarios.ts";
import { simulate } from "./simulate.ts";
import { simulateTime } from "./time/simulate-time.ts";

/**
 * `npm run sim -- --seeds 20000 [--from 1] [--scenario NAME]`, on all cores, or `--seed N` for one history and its trace. With
 * `--time` the histories are of what waits: delayed messages, transactions, sends with an identity.
 */
const { values } = parseArgs({
  options: {
    seeds: { type: "string" },
    from: { type: "string" },
    seed: { type: "string" },
    scenario: { type: "string" },
    time: { type: "boolean" },
    // Of a process that was started by another: it takes each `of`th seed.
    part: { type: "string" },
    of: { type: "string" },
  },
});

/** What one process says of its seeds. */
interface Tally {
  seeds: number;
  delivered: number;
  failed: number;
  /** By scenario: seeds, and milliseconds they took. */
  readonly scenarios: Record<string, { seeds: number; ms: number; failed: number }>;
}

const scenario = values.scenario as ScenarioName | undefined;
if (scenario !== undefined && !(scenario in SCENARIOS))
  throw new Error(`There is no scenario '${scenario}'; there are ${Object.keys(SCENARIOS).join(", ")}.`);
const first = Number(values.seed ?? values.from ?? 1);
const count = values.seed === undefined ? Number(values.seeds ?? 1_000) : 1;

async function runSeeds(part: number, of: number): Promise<Tally> {
  const tally: Tally = { seeds: 0, delivered: 0, failed: 0, scenarios: {} };
  for (let seed = first + part; seed < first + count; seed += of) {
    const startedAt = performance.now();
    const result = values.time ? { scenario: "time", ...(await simulateTime({ seed })) } : await simulate({ seed, scenario });
    tally.scenarios[result.scenario] ??= { seeds: 0, ms: 0, failed: 0 };
    const row = tally.scenarios[result.scenario] as Tally["scenarios"][string];
    row.seeds++;
    row.ms += performance.now() - startedAt;
    tally.seeds++;
    tally.delivered += result.delivered;
    if (values.seed !== undefined) process.stdout.write(`scenario ${result.scenario}, trace ${result.traceHash}\n`);
    if (result.violations.length === 0) continue;
    tally.failed++;
    row.failed++;
    const found = result.violations.map((violation) => `  ${violation}\n`).join("");
    process.stdout.write(`seed ${seed} (${result.scenario})\n${found}`);
  }
  return tally;
}

function startPart(part: number, of: number): Promise<Tally> {
  return new Promise((resolve, reject) => {
    const child = fork(import.meta.filename, [...process.argv.slice(2), "--part", `${part}`, "--of", `${of}`]);
    child.on("message", (tally) => resolve(tally as Tally));
    child.on("exit", (code) => reject(new Error(`part ${part} ended with ${code} and said nothing`)));
  });
}

function sumOf(tallies: readonly Tally[]): Tally {
  const sum: Tally = { seeds: 0, delivered: 0, failed: 0, scenarios: {} };
  for (const { seeds, delivered, failed, scenarios } of tallies) {
    sum.seeds += seeds;
    sum.delivered += delivered;
    sum.failed += failed;
    for (const [name, row] of Object.entries(scenarios)) {
      const known = sum.scenarios[name] ?? { seeds: 0, ms: 0, failed: 0 };
      sum.scenarios[name] = { seeds: known.seeds + row.seeds, ms: known.ms + row.ms, failed: known.failed + row.failed };
    }
  }
  return sum;
}

if (values.part !== undefined) {
  const tally = await runSeeds(Number(values.part), Number(values.of));
  process.send?.(tally, () => process.disconnect());
} else {
  const startedAt = performance.now();
  const processes = Math.min(availableParallelism(), Math.ceil(count / 20));
  const tallies =
    processes <= 1
      ? [await runSeeds(0, 1)]
      : await Promise.all(Array.from({ length: processes }, (_, part) => startPart(part, processes)));
  const { seeds, delivered, failed, scenarios } = sumOf(tallies);
  for (const [name, row] of Object.entries(scenarios))
    process.stdout.write(`${name.padEnd(16)} ${row.seeds} seeds, ${(row.ms / row.seeds).toFixed(1)} ms each, ${row.failed} failed\n`);
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
  process.stdout.write(`${seeds} seeds, ${delivered} deliveries, ${failed} with violations, ${seconds} s\n`);
  process.exitCode = failed > 0 ? 1 : 0;
}
