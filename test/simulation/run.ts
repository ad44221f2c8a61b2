import { parseArgs } from "node:util";
import { simulate } from "./simulate.ts";
import { simulateTime } from "./time/simulate-time.ts";

/**
 * `npm run sim -- --seeds 10000 [--from 1]`, or `--seed N` for one history and its trace. With `--time` the histories are of what
 * waits: delayed messages, transactions, sends with an identity.
 */
const { values } = parseArgs({
  options: { seeds: { type: "string" }, from: { type: "string" }, seed: { type: "string" }, time: { type: "boolean" } },
});

const first = Number(values.seed ?? values.from ?? 1);
const count = values.seed === undefined ? Number(values.seeds ?? 1_000) : 1;
const started = performance.now();
let failed = 0;
let delivered = 0;
for (let seed = first; seed < first + count; seed++) {
  const result = await (values.time ? simulateTime({ seed }) : simulate({ seed }));
  delivered += result.delivered;
  if (values.seed !== undefined) process.stdout.write(`trace ${result.traceHash}\n`);
  if (result.violations.length === 0) continue;
  failed++;
  process.stdout.write(`seed ${seed}\n${result.violations.map((violation) => `  ${violation}\n`).join("")}`);
}
const seconds = ((performance.now() - started) / 1_000).toFixed(1);
process.stdout.write(`${count} seeds, ${delivered} deliveries, ${failed} with violations, ${seconds} s\n`);
process.exitCode = failed > 0 ? 1 : 0;
