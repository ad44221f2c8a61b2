import type { components } from "../../client/api-types.ts";
import { exportDeadLetters } from "../dead-letters/export.ts";
import { type RedriveOptions, redrive } from "../dead-letters/redrive.ts";
import { filtering } from "../filters.ts";
import { bodyText } from "../messages.ts";
import { firstItems } from "../pages.ts";
import { type Column, recordText } from "../table.ts";
import { wholeNumber } from "../values.ts";
import { type Define, examples, subcommand } from "../verb.ts";

type DeadLetter = components["schemas"]["DeadLetter"];

const COLUMNS: readonly Column<DeadLetter>[] = [
  { heading: "id", cell: ({ id }) => id },
  { heading: "topic", cell: ({ topic }) => topic },
  { heading: "tag", cell: ({ tag }) => tag },
  { heading: "attempts", cell: ({ attempts }) => attempts, align: "right" },
  { heading: "died", cell: ({ deadAt }) => deadAt },
  { heading: "reason", cell: ({ reason }) => reason },
];

export const defineDlq: Define = (family, cli) => {
  examples(family, [
    "apogee dlq ls billing",
    "apogee dlq redrive billing --rate 50",
    "apogee dlq export billing --out dead.ndjson",
  ]);

  subcommand(family, "ls <group>", "list the dead letters of a group, the first to die first", [
    "apogee dlq ls billing",
    "apogee dlq ls billing --limit 1000 --json | jq -r .reason | sort | uniq -c",
  ])
    .option("--limit <n>", "dead letters at most", wholeNumber(1), 100)
    .action(async (group: string, { limit }: { limit: number }) => {
      const apogee = await cli.connect();
      let unreadable = 0;
      const { items, isCut } = await firstItems(limit, async (query) => {
        const page = await apogee.group(group).deadLetters(query);
        unreadable += page.unreadable?.length ?? 0;
        return page;
      });
      await cli.output.list(items, COLUMNS, `${group} has no dead letters.`);
      if (unreadable > 0) cli.output.note(`${unreadable} more cannot be read. A purge deletes them: apogee dlq purge ${group}`);
      if (isCut) cli.output.note(`These are the first ${limit}. For more: --limit.`);
    });

  subcommand(family, "show <group> <id>", "show a dead letter and its body", [
    "apogee dlq show billing 0-01A3185C6770838A0063D64D86990000",
    "apogee dlq show billing 0-01A3185C6770838A0063D64D86990000 --json | jq -r .body",
  ]).action(async (group: string, deadLetterId: string) => {
    const apogee = await cli.connect();
    const letter = await apogee.call("get", "/v1/groups/{group}/dlq/{deadLetterId}", { path: { group, deadLetterId } });
    const { body, ...facts } = letter;
    await cli.output.next(letter, ({ heading }) => `${recordText(facts, { width: undefined, heading })}\n${bodyText(letter)}\n`);
  });

  filtering(
    subcommand(family, "redrive <group> [ids...]", "deliver dead letters again: those with these ids, those that match, or all", [
      "apogee dlq redrive billing --dry-run",
      "apogee dlq redrive billing 0-01A3185C6770838A0063D64D86990000",
      `apogee dlq redrive billing --filter "DLQ_ORIGIN_TOPIC = 'orders'" --rate 50`,
      "apogee dlq redrive billing --job XHngytCVMYJo    # looks at one that runs",
    ]),
  )
    .option("--to <topic>", "the topic they go to (default: back to the group alone)")
    .option("--rate <n>", "messages a second at most", wholeNumber(1, 1_000))
    .option("--dry-run", "move nothing, and count what would be moved")
    .option("--detach", "do not wait for the end: the redrive goes on at the broker")
    .option("--job <id>", "follow a redrive that was begun before")
    .action(async (group: string, ids: readonly string[], options: RedriveOptions) => {
      await redrive(cli, group, { ...options, ids });
    });

  subcommand(family, "purge <group>", "delete all dead letters of a group", [
    "apogee dlq purge billing",
    "apogee dlq purge billing --yes",
  ]).action(async (name: string) => {
    const group = (await cli.connect()).group(name);
    // What a redrive of all of them would move is what there is.
    const counted = await group.redrive({ dryRun: true });
    const count = "matched" in counted ? `${counted.complete ? "The" : "At least"} ${counted.matched}` : "All";
    await cli.confirm({ loss: `${count} dead letters of ${name} will be deleted.`, name });
    const { purged } = await group.purge();
    if (cli.output.isJson) await cli.output.thing({ group: name, purged });
    else cli.output.note(`Deleted: ${purged} dead letters of ${name}.`);
  });

  subcommand(family, "export <group>", "write all dead letters of a group as JSON, one a line", [
    "apogee dlq export billing --out dead.ndjson",
    "apogee dlq export billing | jq -c '{id, reason}'",
  ])
    .option("--out <file>", "a file that appears when all is written (default: standard output)")
    .action(async (group: string, { out }: { out?: string }) => {
      await exportDeadLetters(cli, group, out);
    });
};
