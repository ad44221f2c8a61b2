import type { Command } from "commander";
import type { components } from "../../client/api-types.ts";
import { refuseExisting } from "../create.ts";
import { allPages } from "../pages.ts";
import { orDefault, patchOf, type SettingOptions, settingsOf } from "../settings.ts";
import type { Column } from "../table.ts";
import { json, wholeNumber, yesOrNo } from "../values.ts";
import { type Define, examples, subcommand } from "../verb.ts";

type Schemas = components["schemas"];

const COLUMNS: readonly Column<Schemas["ListedGroup"]>[] = [
  { heading: "name", cell: ({ name }) => name },
  { heading: "ordered", cell: ({ ordered }) => ordered },
  { heading: "paused", cell: ({ paused }) => paused },
  { heading: "attempts", cell: ({ maxAttempts }) => maxAttempts, align: "right" },
  { heading: "lease s", cell: ({ leaseSeconds }) => leaseSeconds, align: "right" },
  { heading: "updated", cell: ({ updatedAt }) => updatedAt },
];

/** `1,5,30`, or the JSON of an exponential series. */
const backoff = (text: string) => (/^\d+(,\d+)*$/.test(text) ? text.split(",").map(Number) : json(text)) as Schemas["Backoff"];
/** The name of a strategy, or the JSON of one that needs more. */
const assignment = (text: string) => (text.startsWith("{") ? json(text) : text) as Schemas["Assignment"];

const settings = (command: Command): Command =>
  command
    .option("--ordered <yes|no>", "each queue in order (default no)", orDefault(yesOrNo))
    .option("--max-attempts <n>", "deliveries before a message is dead-lettered (default 17)", orDefault(wholeNumber(1)))
    .option("--backoff <seconds>", "before each redelivery, such as 1,5,30, or JSON", orDefault(backoff))
    .option("--lease-seconds <n>", "how long a received message stays hidden (default 60)", orDefault(wholeNumber(1)))
    .option("--paused <yes|no>", "whether nothing is delivered (default no)", orDefault(yesOrNo))
    .option("--assignment <strategy>", "how queues are shared among clients, or JSON (default AVG)", orDefault(assignment));

export const defineGroup: Define = (family, cli) => {
  examples(family, ["apogee group ls", "apogee group set billing --paused yes", "apogee group get billing --json"]);

  subcommand(family, "ls", "list consumer groups", ["apogee group ls", "apogee group ls --prefix bill"])
    .option("--prefix <text>", "first characters of the name")
    .action(async (options: { prefix?: string }) => {
      const apogee = await cli.connect();
      const groups = await allPages((cursor) => {
        const query = { ...options, limit: 1_000, ...(cursor !== undefined && { cursor }) };
        return apogee.call("get", "/v1/groups", { query });
      });
      await cli.output.list(groups, COLUMNS, "There are no groups. To make one: apogee subscribe create billing orders");
    });

  subcommand(family, "get <group>", "show a group and its subscriptions", ["apogee group get billing"]).action(
    async (name: string) => {
      await cli.output.thing(await (await cli.connect()).group(name).get());
    },
  );

  const create = ["apogee group create billing", "apogee group create billing --max-attempts 5 --backoff 1,10,60"];
  settings(subcommand(family, "create <group>", "make a consumer group", create)).action(
    async (name: string, options: SettingOptions<Schemas["GroupSettings"]>) => {
      const group = (await cli.connect()).group(name);
      await refuseExisting(`Group ${name}`, () => group.get(), `apogee group set ${name}`);
      await cli.output.thing(await group.put(settingsOf(options)));
    },
  );

  const set = ["apogee group set billing --paused yes", "apogee group set billing --backoff default"];
  settings(subcommand(family, "set <group>", "change what is named of a group; default restores a default", set)).action(
    async (name: string, options: SettingOptions<Schemas["GroupPatch"]>) => {
      await cli.output.thing(await (await cli.connect()).group(name).patch(patchOf(options, "apogee group set")));
    },
  );

  subcommand(family, "rm <group>", "delete a group, its subscriptions and its dead letters", [
    "apogee group rm billing",
    "apogee group rm billing --yes",
  ]).action(async (name: string) => {
    const apogee = await cli.connect();
    const lost = await apogee.call("delete", "/v1/groups/{group}", { path: { group: name }, query: { dryRun: true } });
    const loss = `Group ${name}, its ${lost?.subscriptions.length ?? 0} subscriptions and its ${lost?.deadLetters ?? 0} dead letters will be deleted.`;
    await cli.confirm({ loss, name });
    await apogee.group(name).delete();
    await cli.output.deleted({ group: name });
  });
};
