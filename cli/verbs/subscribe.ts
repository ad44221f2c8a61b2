import type { components } from "../../client/api-types.ts";
import { ApogeeError } from "../../client/apogee-error.ts";
import { refuseExisting } from "../create.ts";
import { UsageFailure } from "../failures.ts";
import { type FilterOptions, filtering, oneFilter } from "../filters.ts";
import type { Column } from "../table.ts";
import { instant } from "../values.ts";
import { type Define, examples, subcommand } from "../verb.ts";

type Schemas = components["schemas"];

const COLUMNS: readonly Column<Schemas["Subscription"]>[] = [
  { heading: "group", cell: ({ group }) => group },
  { heading: "topic", cell: ({ topic }) => topic },
  { heading: "filter", cell: ({ filter }) => `${filter.type} ${filter.expression}` },
  { heading: "updated", cell: ({ updatedAt }) => updatedAt },
];

/** Errors: a `UsageFailure` for two filters. */
function filterOf(options: FilterOptions): Schemas["Filter"] | undefined {
  const { tag, filter } = oneFilter(options);
  if (filter !== undefined) return { type: "SQL92", expression: filter };
  return tag === undefined ? undefined : { type: "TAG", expression: tag };
}

const startFrom = (text: string): Schemas["StartFrom"] =>
  text === "earliest" || text === "latest" ? text : { timestamp: instant(text).toISOString() };

const PATH = "/v1/groups/{group}/subscriptions/{topic}";

export const defineSubscribe: Define = (family, cli) => {
  examples(family, ["apogee subscribe create billing orders", "apogee subscribe ls billing"]);

  subcommand(family, "ls <group>", "list what a group is subscribed to", ["apogee subscribe ls billing"]).action(
    async (group: string) => {
      const { subscriptions } = await (await cli.connect()).group(group).get();
      await cli.output.list(subscriptions, COLUMNS, `${group} is subscribed to nothing: apogee subscribe create ${group} orders`);
    },
  );

  subcommand(family, "get <group> <topic>", "show a subscription", ["apogee subscribe get billing orders"]).action(
    async (group: string, topic: string) => {
      await cli.output.thing(await (await cli.connect()).call("get", PATH, { path: { group, topic } }));
    },
  );

  filtering(
    subcommand(family, "create <group> <topic>", "subscribe a group to a topic, and make the group if there is none", [
      "apogee subscribe create billing orders",
      "apogee subscribe create billing orders --tag 'created || paid' --from earliest",
    ]),
  )
    .option("--from <place>", "earliest, latest, or a time (default latest)", startFrom)
    .action(async (group: string, topic: string, options: FilterOptions & { from?: Schemas["StartFrom"] }) => {
      const filter = filterOf(options);
      const apogee = await cli.connect();
      const get = () => apogee.call("get", PATH, { path: { group, topic } });
      await refuseExisting(`The subscription of ${group} to ${topic}`, get, `apogee subscribe set ${group} ${topic}`);
      const { from } = options;
      const settings = { ...(filter && { filter }), ...(from !== undefined && { startFrom: from }) };
      const subscribe = () => apogee.group(group).subscribe(topic, settings);
      const subscription = await subscribe().catch(async (error) => {
        if (!ApogeeError.is(error) || error.code !== "CONSUMER_GROUP_NOT_FOUND") throw error;
        // No group is made for a topic that there is not.
        await apogee.topic(topic).get();
        await apogee.group(group).put();
        return subscribe();
      });
      await cli.output.thing(subscription);
    });

  filtering(
    subcommand(family, "set <group> <topic>", "change which messages of a topic a group gets", [
      "apogee subscribe set billing orders --tag paid",
      "apogee subscribe set billing orders --tag '*'",
    ]),
  ).action(async (group: string, topic: string, options: FilterOptions) => {
    const filter = filterOf(options);
    if (filter === undefined) throw new UsageFailure("What is to change? Give --tag or --filter.");
    const apogee = await cli.connect();
    await apogee.call("get", PATH, { path: { group, topic } });
    await cli.output.thing(await apogee.group(group).subscribe(topic, { filter }));
  });

  subcommand(family, "rm <group> <topic>", "end a subscription: the group's place in the topic is lost", [
    "apogee subscribe rm billing orders",
    "apogee subscribe rm billing orders --yes",
  ]).action(async (group: string, topic: string) => {
    const apogee = await cli.connect();
    const lost = await apogee.call("delete", PATH, { path: { group, topic }, query: { dryRun: true } });
    const waiting = `${lost?.waiting ?? 0} messages that wait and ${lost?.inFlight ?? 0} in flight`;
    await cli.confirm({ loss: `${group} will get no more of ${topic}, and lose ${waiting}.`, name: topic });
    await apogee.group(group).unsubscribe(topic);
    await cli.output.deleted({ group, topic });
  });
};
