// npm run crash -- [--rounds 20] [--seed N] [--load messages|time|segments|client|grpc]: kills the embedded server again and again under load, and
// audits what it kept. Default: all loads.
import { parseArgs } from "node:util";
import { runClientCrashes } from "./client/crash-run.ts";
import { type CrashRunSettings, describe, runCrashes } from "./crash-run.ts";
import { runGrpcCrashes } from "./grpc/crash-run.ts";
import { runSegmentCrashes } from "./segments/crash-run.ts";
import { runTimeCrashes } from "./time/crash-run.ts";

const VIOLATIONS_SHOWN = 20;

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "20" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 1e9)) },
    load: { type: "string" },
  },
});
const rounds = Number(values.rounds);
const seed = Number(values.seed);
if (!(Number.isInteger(rounds) && rounds > 0 && Number.isInteger(seed)))
  throw new Error("--rounds and --seed take whole numbers");

const LOADS = {
  messages: runCrashes,
  time: runTimeCrashes,
  segments: runSegmentCrashes,
  client: runClientCrashes,
  grpc: runGrpcCrashes,
} as const;
const isLoad = (name: string): name is keyof typeof LOADS => name in LOADS;
if (values.load !== undefined && !isLoad(values.load)) throw new Error(`--load takes ${Object.keys(LOADS).join(" or ")}`);

const settings: CrashRunSettings = { rounds, seed, loadMs: { min: 200, max: 1_500 }, report: (line) => console.log(line) };
for (const [name, run] of Object.entries(LOADS)) {
  if (values.load !== undefined && values.load !== name) continue;
  console.log(`${name}: seed ${seed}, ${rounds} rounds`);
  const { violations, counts, folder } = await run(settings);
  console.log(`total: ${describe(counts)}`);
  for (const { rule, detail } of violations.slice(0, VIOLATIONS_SHOWN)) console.log(`${rule}: ${detail}`);
  if (violations.length === 0) console.log("no violation");
  else console.log(`${violations.length} violations with seed ${seed}; data and log are in ${folder}`);
  if (violations.length > 0) process.exitCode = 1;
}
