import type { components } from "../../client/api-types.ts";
import type { Apogee } from "../../client/apogee.ts";
import { ApogeeError } from "../../client/apogee-error.ts";
import { systemClock } from "../../client/clock.ts";
import { type Duration, secondsOf } from "../../client/duration.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { failureLine, UsageFailure } from "../failures.ts";
import { type GroupLag, groupLag, lagOfGroups } from "../lags.ts";
import type { Column } from "../table.ts";
import { duration } from "../values.ts";
import { type Define, examples } from "../verb.ts";

type Schemas = components["schemas"];

interface LagOptions {
  /** `true` without a number. */
  readonly watch?: Duration | true;
}

/** What the lag of a group, of a topic and of a queue have alike. */
type Sums = Pick<Schemas["TopicLag"], "lag" | "inFlight" | "unreadable" | "oldestUnackedAgeSeconds">;

interface QueueRow extends Sums {
  readonly topic: string;
  readonly queue: number | string;
  readonly committed?: string;
  readonly maxOffset?: string;
}

const WATCH_SECONDS = 2;
const NO_GROUPS = "There are no groups. To make one: apogee subscribe create billing orders";

const sums: readonly Column<Partial<Sums>>[] = [
  { heading: "lag", cell: ({ lag }) => lag, align: "right" },
  { heading: "in flight", cell: ({ inFlight }) => inFlight, align: "right" },
  { heading: "unreadable", cell: ({ unreadable }) => unreadable, align: "right" },
  { heading: "oldest", cell: ({ oldestUnackedAgeSeconds }) => ageText(oldestUnackedAgeSeconds), align: "right" },
];

const GROUP_COLUMNS: readonly Column<Schemas["ListedGroup"]>[] = [
  { heading: "group", cell: ({ name }) => name },
  ...sums,
  { heading: "consumers", cell: ({ consumersOnline }) => consumersOnline, align: "right" },
  { heading: "paused", cell: ({ paused }) => paused },
];

const QUEUE_COLUMNS: readonly Column<QueueRow>[] = [
  { heading: "topic", cell: ({ topic }) => topic },
  { heading: "queue", cell: ({ queue }) => queue, align: "right" },
  ...sums,
  { heading: "next", cell: ({ committed }) => committed, align: "right" },
  { heading: "end", cell: ({ maxOffset }) => maxOffset, align: "right" },
];

export const defineLag: Define = (command, cli) => {
  examples(command, [
    "apogee lag                     # all groups",
    "apogee lag billing             # by topic and queue",
    "apogee lag billing --watch 5   # again every 5 seconds, until Ctrl-C",
    "apogee lag --json | jq -r 'select(.lag > 1000) | .name'",
  ])
    .argument("[group]")
    .option("--watch [time]", `show it again, every ${WATCH_SECONDS} seconds or so often as this says`, duration)
    .action(async (group: string | undefined, { watch }: LagOptions) => {
      const everySeconds = watch === undefined ? undefined : secondsOf(watch === true ? WATCH_SECONDS : watch);
      if (everySeconds === 0) throw new UsageFailure("--watch takes a time between two looks.");
      const apogee = await cli.connect();
      cli.output.endsUnread();
      const show = group === undefined ? showGroups(cli, apogee) : showGroup(cli, apogee, group);
      if (everySeconds === undefined) await show();
      else await repeat(cli, show, everySeconds);
    });
};

/** One of many looks. */
interface Look {
  readonly signal: AbortSignal;
  readonly at: string;
}

type Show = (look?: Look) => Promise<void>;

function showGroups(cli: Cli, apogee: Apogee): Show {
  const show = cli.output.lists(GROUP_COLUMNS, NO_GROUPS);
  return async (look) => {
    const groups = await lagOfGroups(apogee, look?.signal);
    if (look === undefined) await cli.output.list(groups, GROUP_COLUMNS, NO_GROUPS);
    else await show(groups.map((group) => ({ at: look.at, ...group })));
  };
}

function showGroup(cli: Cli, apogee: Apogee, name: string): Show {
  const empty = `${name} is subscribed to nothing: apogee subscribe create ${name} orders`;
  const show = cli.output.lists(QUEUE_COLUMNS, empty);
  return async (look) => {
    const lag = await groupLag(apogee, name, look?.signal);
    if (cli.output.isJson) await cli.output.thing(look === undefined ? lag : { at: look.at, ...lag });
    else if (look === undefined) await cli.output.list(queueRows(lag), QUEUE_COLUMNS, empty);
    else await show(queueRows(lag));
  };
}

/** Until Ctrl-C. What fails and may pass is told, and asked for again; the first time it ends the verb. */
async function repeat(cli: Cli, show: Show, seconds: number): Promise<void> {
  const signal = cli.interruption(EXIT.done);
  for (let isFirst = true; !signal.aborted; isFirst = false) {
    try {
      await show({ signal, at: new Date(systemClock.now()).toISOString() });
    } catch (error) {
      if (isFirst || signal.aborted || !ApogeeError.is(error) || !error.retryable) throw error;
      cli.output.note(`${cli.output.noteColours.bad("apogee:")} ${failureLine(error, cli.endpoint)}`);
    }
    await systemClock.sleep(seconds * 1_000, signal);
  }
}

/** A row for each queue, and a last one for all of them where there are several. */
function queueRows({ topics, ...all }: GroupLag): readonly QueueRow[] {
  const rows: readonly QueueRow[] = topics.flatMap(({ topic, queues }) =>
    queues.map(({ queueId, ...lag }) => ({ topic, queue: queueId, ...lag })),
  );
  return rows.length > 1 ? [...rows, { topic: "all", queue: "", ...all }] : rows;
}

/** In its largest unit, rounded down. */
function ageText(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined) return "-";
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7_200) return `${Math.floor(seconds / 60)}m`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3_600)}h` : `${Math.floor(seconds / 86_400)}d`;
}
