// npm run bench -- [--help]: load on `node dist/local.mjs`. The null server is measured in the same minutes.
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { CASES } from "./cases.ts";
import { parseOptions, USAGE } from "./options.ts";
import { medians, type Row } from "./row.ts";
import { errorCount, formatTable } from "./table.ts";

const RESULTS = "bench/results";

const main = async (): Promise<number> => {
  const options = parseOptions(process.argv.slice(2), Object.keys(CASES));
  if (options === "help") {
    console.log(USAGE);
    return 0;
  }
  if (!existsSync("dist/local.mjs")) {
    console.error("dist/local.mjs is missing: run `npm run build` first.");
    return 1;
  }
  const startedAt = new Date();
  const rows: Row[] = [];
  for (let repeat = 1; repeat <= options.repeat; repeat++) {
    for (const name of options.cases) {
      console.error(`${name}, ${repeat} of ${options.repeat} …`);
      rows.push(...(await CASES[name as keyof typeof CASES](options)));
    }
  }
  const table = medians(rows);
  console.log(formatTable(table));
  for (const row of table) {
    for (const [what, count] of Object.entries(row.errors))
      console.log(`${row.case}, concurrency ${row.concurrency}: ${count} × ${what}`);
  }
  const machine = {
    node: process.version,
    cpu: cpus()[0]?.model,
    cpus: cpus().length,
    loadBefore: loadavg()[2],
    loadNow: loadavg()[0],
  };
  mkdirSync(RESULTS, { recursive: true });
  const file = `${RESULTS}/${startedAt.toISOString().replaceAll(":", "-")}.json`;
  writeFileSync(file, `${JSON.stringify({ startedAt, machine, options, medians: table, rows }, null, 2)}\n`);
  console.log(`written to ${file}`);
  return table.some((row) => errorCount(row) > 0) ? 1 : 0;
};

process.exitCode = await main();
