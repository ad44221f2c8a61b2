import type { Command } from "commander";
import type { components } from "../../client/api-types.ts";
import { refuseExisting } from "../create.ts";
import { allPages } from "../pages.ts";
import { orDefault, patchOf, type SettingOptions, settingsOf } from "../settings.ts";
import type { Column } from "../table.ts";
import { oneOf, wholeNumber, words } from "../values.ts";
import { type Define, examples, subcommand } from "../verb.ts";

type Schemas = components["schemas"];
type TopicType = Schemas["TopicType"];

const TYPES = ["NORMAL", "FIFO", "DELAY", "TRANSACTION", "PRIORITY", "MIXED"] as const satisfies readonly TopicType[];
const FLUSH_MODES = ["ASYNC_FLUSH", "SYNC_FLUSH"] as const satisfies readonly Schemas["FlushMode"][];
const perm = (text: string) => Number(oneOf(["2", "4", "6"])(text)) as Schemas["Perm"];

const COLUMNS: readonly Column<Schemas["ListedTopic"]>[] = [
  { heading: "name", cell: ({ name }) => name },
  { heading: "type", cell: ({ type }) => type },
  { heading: "write", cell: ({ writeQueues }) => writeQueues, align: "right" },
  { heading: "read", cell: ({ readQueues }) => readQueues, align: "right" },
  { heading: "hours", cell: ({ retentionHours }) => retentionHours, align: "right" },
  { heading: "perm", cell: ({ perm }) => perm, align: "right" },
  { heading: "updated", cell: ({ updatedAt }) => updatedAt },
];

/** `set` also takes the word that restores a default. */
const settings = (command: Command): Command =>
  command
    .option("--type <type>", `${TYPES.join(", ")} (default NORMAL)`, orDefault(oneOf(TYPES)))
    .option("--queues <n>", "write and read queues (default 4)", orDefault(wholeNumber(1)))
    .option("--write-queues <n>", "queues that sends choose from", orDefault(wholeNumber(1)))
    .option("--read-queues <n>", "queues that consumers visit", orDefault(wholeNumber(1)))
    .option("--retention-hours <n>", "how long messages are stored (default 72)", orDefault(wholeNumber(1)))
    .option("--flush-mode <mode>", FLUSH_MODES.join(", "), orDefault(oneOf(FLUSH_MODES)))
    .option("--perm <n>", "2 write, 4 read, 6 both", orDefault(perm))
    .option("--rooms <names>", "rooms dealt to its queues in turn, with commas between them", orDefault(words));

export const defineTopic: Define = (family, cli) => {
  examples(family, ["apogee topic ls", "apogee topic create orders --queues 8", "apogee topic get orders --json"]);

  subcommand(family, "ls", "list topics", ["apogee topic ls", "apogee topic ls --prefix order --json | jq -r .name"])
    .option("--prefix <text>", "first characters of the name")
    .option("--type <type>", TYPES.join(", "), oneOf(TYPES))
    .action(async (options: { prefix?: string; type?: TopicType }) => {
      const apogee = await cli.connect();
      const topics = await allPages((cursor) => {
        const query = { ...options, limit: 1_000, ...(cursor !== undefined && { cursor }) };
        return apogee.call("get", "/v1/topics", { query });
      });
      await cli.output.list(topics, COLUMNS, "There are no topics. To make one: apogee topic create orders");
    });

  subcommand(family, "get <topic>", "show a topic", ["apogee topic get orders"]).action(async (name: string) => {
    await cli.output.thing(await (await cli.connect()).topic(name).get());
  });

  const create = ["apogee topic create orders", "apogee topic create payments --type FIFO --queues 16 --retention-hours 24"];
  settings(subcommand(family, "create <topic>", "make a topic", create)).action(
    async (name: string, options: SettingOptions<Schemas["TopicSettings"]>) => {
      const topic = (await cli.connect()).topic(name);
      await refuseExisting(`Topic ${name}`, () => topic.get(), `apogee topic set ${name}`);
      await cli.output.thing(await topic.put(settingsOf(options)));
    },
  );

  const set = ["apogee topic set orders --retention-hours 168", "apogee topic set orders --queues default"];
  settings(subcommand(family, "set <topic>", "change what is named of a topic; default restores a default", set)).action(
    async (name: string, options: SettingOptions<Schemas["TopicPatch"]>) => {
      await cli.output.thing(await (await cli.connect()).topic(name).patch(patchOf(options, "apogee topic set")));
    },
  );

  subcommand(family, "rm <topic>", "delete a topic and its messages", [
    "apogee topic rm orders",
    "apogee topic rm orders --yes",
  ]).action(async (name: string) => {
    const apogee = await cli.connect();
    const path = { topic: name };
    const lost = await apogee.call("delete", "/v1/topics/{topic}", { path, query: { dryRun: true } });
    await cli.confirm({ loss: lossOf(name, lost), name });
    await apogee.topic(name).delete();
    await cli.output.deleted({ topic: name });
  });
};

function lossOf(name: string, lost: Schemas["TopicDeletion"] | undefined): string {
  const groups = lost?.groups.length ? `, and ${lost.groups.join(", ")} will no longer be subscribed to it` : "";
  return `Topic ${name} and its ${lost?.messages ?? 0} messages will be deleted${groups}.`;
}
