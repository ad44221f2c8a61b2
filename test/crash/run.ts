// npm run crash -- [--rounds 20] [--seed N]: kills the embedded server again and again under load, then audits what it kept.
import { parseArgs } from "node:util";
import { describe, runCrashes } from "./crash-run.ts";

const VIOLATIONS_SHOWN = 20;

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "20" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 1e9)) },
  },
});
const rounds = Number(values.rounds);
const seed = Number(values.seed);
if (!(Number.isInteger(rounds) && rounds > 0 && Number.isInteger(seed)))
  throw new Error("--rounds and --seed take whole numbers");

console.log(`seed ${seed}, ${rounds} rounds`);
const result = await runCrashes({ rounds, seed, loadMs: { min: 200, max: 1_500 }, report: (line) => console.log(line) });
const slowest = Math.round(Math.max(...result.restartMs));
console.log(`total: ${describe(result.counts)}; slowest restart ${slowest} ms`);
if (result.violations.length === 0) {
  console.log("no violation");
} else {
  for (const { rule, detail } of result.violations.slice(0, VIOLATIONS_SHOWN)) console.log(`${rule}: ${detail}`);
  console.log(`${result.violations.length} violations with seed ${seed}; data and log are in ${result.folder}`);
  process.exitCode = 1;
}
