import { parseArgs } from "node:util";
import { fireBurst } from "./burst.ts";
import { type CapacityRow, capacityRows, SCANNER_MEMORY_MIB } from "./capacity-rows.ts";
import { TICK_MS } from "./capacity-stage.ts";
import { capacityTable, writeCapacityTable } from "./capacity-table.ts";
import { measureProcessor } from "./measure-processor.ts";
import { MEASURED_TIMES } from "./one-process.ts";

const USAGE = `npm run capacity -- [options]
  (none)                 what a deployment fires a second, by the model; written into docs/deploy.md
  --only <text>          those lines alone, printed
  --burst <n>            so many timers of 1 KB due within a minute, fired as deployed; printed
  --shards <n>           of the burst. Default 4
  --scanners <n>         of the burst: runs at once, at most. Default 1
  --memory <MiB>         of each. Default ${SCANNER_MEMORY_MIB}
  --processor            what the adapter takes of this machine's processor, printed`;

/** `npm run capacity`: the capacity of one deployment, according to the model. */
const { values } = parseArgs({
  options: {
    only: { type: "string" },
    burst: { type: "string" },
    shards: { type: "string", default: "4" },
    scanners: { type: "string", default: "1" },
    memory: { type: "string", default: String(SCANNER_MEMORY_MIB) },
    processor: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

const burst = async (count: number): Promise<void> => {
  const startedMs = performance.now();
  const fired = await fireBurst({
    shards: Number(values.shards),
    scanners: { atOnce: Number(values.scanners), memoryMiB: Number(values.memory), times: MEASURED_TIMES, tickMs: TICK_MS },
    withinMs: 60_000,
    due: { count, body: "JSON", bytes: 1_000, topics: 40 },
  });
  const { rss } = process.memoryUsage();
  console.log({ count, ...fired, modelSeconds: (performance.now() - startedMs) / 1_000, megabytes: Math.round(rss / 1e6) });
};

const table = async (): Promise<void> => {
  const rows: CapacityRow[] = [];
  for await (const row of capacityRows(values.only)) {
    rows.push(row);
    console.log(JSON.stringify(row));
  }
  console.log(capacityTable(rows));
  if (values.only === undefined) writeCapacityTable(capacityTable(rows));
};

if (values.help) console.log(USAGE);
else if (values.processor) for await (const figure of measureProcessor()) console.log(figure);
else if (values.burst !== undefined) await burst(Number(values.burst));
else await table();
