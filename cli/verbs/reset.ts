import { InvalidArgumentError } from "commander";
import type { components } from "../../client/api-types.ts";
import { UsageFailure } from "../failures.ts";
import type { Column } from "../table.ts";
import { moment, wholeNumber } from "../values.ts";
import { type Define, examples } from "../verb.ts";

type Schemas = components["schemas"];
type Place = Pick<Schemas["OffsetReset"], "to" | "timestamp" | "offset">;

interface ResetOptions {
  readonly to: Place;
  readonly queue?: number;
  readonly upper?: boolean;
  readonly dryRun?: boolean;
}

const COLUMNS: readonly Column<Schemas["QueueReset"]>[] = [
  { heading: "queue", cell: ({ queueId }) => queueId, align: "right" },
  { heading: "before", cell: ({ before }) => before, align: "right" },
  { heading: "after", cell: ({ after }) => after, align: "right" },
  { heading: "change", cell: (queue) => signed(changeOf(queue)), align: "right" },
];

const changeOf = ({ before, after }: Schemas["QueueReset"]): bigint => BigInt(after) - BigInt(before);
const signed = (change: bigint): string => (change > 0n ? `+${change}` : String(change));

function place(text: string): Place {
  if (text === "earliest" || text === "latest") return { to: text };
  const [, offset] = /^offset:(\d+)$/.exec(text) ?? [];
  if (offset !== undefined) return { to: "offset", offset };
  try {
    return { to: "timestamp", timestamp: moment(text).toISOString() };
  } catch {
    throw new InvalidArgumentError("It takes earliest, latest, a time, how long ago such as 1h, or offset:12.");
  }
}

export const defineReset: Define = (command, cli) => {
  examples(command, [
    "apogee reset billing orders --to 1h --dry-run   # shows where an hour ago is",
    "apogee reset billing orders --to latest         # drops what waits",
    "apogee reset billing orders --to 2030-01-31T12:00:00Z --yes",
    "apogee reset billing orders --to offset:1200 --queue 3",
  ])
    .argument("<group>")
    .argument("<topic>")
    .requiredOption("--to <place>", "earliest, latest, a time, how long ago such as 1h, or offset:12", place)
    .option("--queue <n>", "this queue alone", wholeNumber(0))
    .option("--upper", "of a time: the last message up to it, in place of the first one from it on")
    .option("--dry-run", "change nothing, and show what would change")
    .action(async (name: string, topic: string, { to, queue, upper, dryRun }: ResetOptions) => {
      if (upper && to.to !== "timestamp") throw new UsageFailure("--upper is for a --to that is a time.");
      const group = (await cli.connect()).group(name);
      const target = {
        topic,
        ...to,
        ...(queue !== undefined && { queueId: queue }),
        ...(upper && { boundary: "UPPER" as const }),
      };
      const planned = await group.reset({ ...target, dryRun: true });
      if (!dryRun) await cli.confirm({ loss: lossOf(name, topic, planned.queues), name });
      const { queues } = dryRun ? planned : await group.reset(target);
      await cli.output.list(queues, COLUMNS, `${topic} has no queues.`);
      if (dryRun) cli.output.note("Nothing was changed.");
    });
};

function lossOf(group: string, topic: string, queues: readonly Schemas["QueueReset"][]): string {
  const changes = queues.map(changeOf);
  const skipped = changes.filter((change) => change > 0n).reduce((sum, change) => sum + change, 0n);
  const again = -changes.filter((change) => change < 0n).reduce((sum, change) => sum + change, 0n);
  return `${group} will skip ${skipped} messages of ${topic} and get ${again} again, and its messages in flight there are taken from their consumers.`;
}
