import type { components } from "../../client/api-types.ts";
import type { Duration } from "../../client/duration.ts";
import { each } from "../each.ts";
import { UsageFailure } from "../failures.ts";
import { firstItems } from "../pages.ts";
import type { Column } from "../table.ts";
import { duration, instant, wholeNumber } from "../values.ts";
import { type Define, examples, subcommand } from "../verb.ts";

type Scheduled = components["schemas"]["ScheduledMessage"];

const COLUMNS: readonly Column<Scheduled>[] = [
  { heading: "due", cell: ({ deliverAt }) => deliverAt },
  { heading: "sent", cell: ({ scheduledAt }) => scheduledAt },
  { heading: "message", cell: ({ messageId }) => messageId },
  { heading: "handle", cell: ({ recallHandle }) => recallHandle },
];

export const defineScheduled: Define = (family, cli) => {
  examples(family, ["apogee scheduled ls reminders", "apogee scheduled move reminders AQgtekd3Rk1V… --delay 10m"]);

  subcommand(family, "ls <topic>", "list the messages that wait for their time, the next one first", [
    "apogee scheduled ls reminders",
    "apogee scheduled ls reminders --limit 1 --json | jq -r .deliverAt",
  ])
    .option("--limit <n>", "messages at most", wholeNumber(1), 100)
    .action(async (topic: string, { limit }: { limit: number }) => {
      const apogee = await cli.connect();
      const { items, isCut } = await firstItems(limit, (query) =>
        apogee.call("get", "/v1/topics/{topic}/scheduled", { path: { topic }, query }),
      );
      await cli.output.list(items, COLUMNS, `No message of ${topic} waits for its time.`);
      if (isCut) cli.output.note(`These are the first ${limit}. For more: --limit.`);
    });

  subcommand(family, "cancel <topic> <handle...>", "have messages never delivered; more than one is asked about", [
    "apogee scheduled cancel reminders AQgtekd3Rk1V…",
  ]).action(async (name: string, handles: readonly string[]) => {
    const topic = (await cli.connect()).topic(name);
    if (handles.length > 1) await cli.confirm({ loss: `${handles.length} messages of ${name} will never be delivered.`, name });
    await each(cli, { ids: handles, idName: "recallHandle" }, async (recallHandle) => {
      await topic.cancel(recallHandle);
      if (cli.output.isJson) await cli.output.thing({ recallHandle, cancelled: true });
      else cli.output.note(`Cancelled: ${recallHandle}.`);
    });
  });

  subcommand(family, "move <topic> <handle>", "deliver a message at another time; a past time is now", [
    "apogee scheduled move reminders AQgtekd3Rk1V… --delay 10m",
    "apogee scheduled move reminders AQgtekd3Rk1V… --at 2030-01-31T12:00:00Z",
  ])
    .option("--delay <time>", "so much later than now, such as 10m", duration)
    .option("--at <time>", "then", instant)
    .action(async (name: string, handle: string, { delay, at }: { delay?: Duration; at?: Date }) => {
      if ((delay === undefined) === (at === undefined)) throw new UsageFailure("When? Give --delay or --at.");
      const topic = (await cli.connect()).topic(name);
      await cli.output.thing(await topic.reschedule(handle, at === undefined ? { delay: delay ?? 0 } : { deliverAt: at }));
    });
};
