import { fork } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import type { Rolled } from "./audit/rolled-auditor.ts";
import type { Share, Tally } from "./run-seeds.ts";
import { SCENARIOS, type ScenarioName } from "./scenarios.ts";
import { TIME_HISTORIES, type TimeHistory } from "./time/time-histories.ts";

/**
 * `npm run sim -- --seeds 20000 [--from 1] [--scenario NAME]`, on all cores, or `--seed N [--log]` for one history. With `--time` the
 * histories are of delayed messages, transactions, sends with an identity, and tenants that must not disturb each other; `--time
 * --scenario tenants` runs only the latter, and `--time --scenario offsets` those of consumers that pull and commit.
 */
const { values } = parseArgs({
  options: {
    seeds: { type: "string" },
    from: { type: "string" },
    seed: { type: "string" },
    scenario: { type: "string" },
    time: { type: "boolean" },
    log: { type: "boolean" },
  },
});

const SEEDS_PER_PROCESS_MIN = 20;
const named = values.scenario;
const names: readonly string[] = values.time ? TIME_HISTORIES : Object.keys(SCENARIOS);
if (named !== undefined && !names.includes(named))
  throw new Error(`There is no scenario '${named}'; there are ${names.join(", ")}.`);
const first = Number(values.seed ?? values.from ?? 1);
const count = values.seed === undefined ? Number(values.seeds ?? 1_000) : 1;
const of = Math.min(availableParallelism(), Math.ceil(count / SEEDS_PER_PROCESS_MIN));
const common = {
  first,
  count,
  of,
  scenario: values.time ? undefined : (named as ScenarioName | undefined),
  time: values.time ? ((named as TimeHistory | undefined) ?? true) : false,
  traces: values.seed !== undefined,
  log: values.log ?? false,
};

const startedAt = performance.now();
const folder = mkdtempSync(join(tmpdir(), "apogee-simulation-"));
try {
  const file = await bundle();
  const tallies = await Promise.all(Array.from({ length: of }, (_, part) => runPart(file, { ...common, part })));
  tell(sumOf(tallies));
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** A bundle of plain JavaScript runs faster than sources that are translated on loading. */
async function bundle(): Promise<string> {
  const outfile = join(folder, "run-seeds.mjs");
  await build({
    entryPoints: [join(import.meta.dirname, "run-seeds.ts")],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    logLevel: "error",
  });
  return outfile;
}

function runPart(file: string, share: Share): Promise<Tally> {
  return new Promise((resolve, reject) => {
    const child = fork(file, { execArgv: [] });
    child.on("message", (tally) => resolve(tally as Tally));
    child.on("exit", (code) => reject(new Error(`part ${share.part} ended with ${code} and said nothing`)));
    child.send(share);
  });
}

function sumOf(tallies: readonly Tally[]): Tally {
  const sum: Tally = {};
  for (const [name, row] of tallies.flatMap((tally) => Object.entries(tally))) {
    const known = sum[name];
    if (!known) sum[name] = row;
    else for (const [counter, count] of Object.entries(row)) known[counter as keyof typeof row] += count;
  }
  return sum;
}

function tell(tally: Tally): void {
  const all = { seeds: 0, delivered: 0, failed: 0 };
  for (const [name, { seeds, ms, delivered, failed, ...rolled }] of Object.entries(tally)) {
    process.stdout.write(`${name.padEnd(16)} ${seeds} seeds, ${(ms / seeds).toFixed(1)} ms each, ${failed} with violations\n`);
    if (rolled.runs > 0) process.stdout.write(`${" ".repeat(16)} ${toldOf(rolled)}\n`);
    all.seeds += seeds;
    all.delivered += delivered;
    all.failed += failed;
  }
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
  process.stdout.write(`${all.seeds} seeds, ${all.delivered} deliveries, ${all.failed} with violations, ${seconds} s\n`);
  process.exitCode = all.failed > 0 ? 1 : 0;
}

function toldOf({ runs, pages, messages, refused, dropped, read, merged, lookups }: Rolled): string {
  const rolled = `${messages} messages rolled in ${runs} runs of ${pages} pages, ${refused} commits refused`;
  return `${rolled}, ${dropped} blocks dropped, ${merged} key files merged, ${read} reads, ${lookups} lookups`;
}
