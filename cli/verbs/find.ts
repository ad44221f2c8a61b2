import type { components } from "../../client/api-types.ts";
import type { Apogee } from "../../client/apogee.ts";
import type { Cli } from "../cli.ts";
import { EXIT } from "../exit-codes.ts";
import { UsageFailure } from "../failures.ts";
import { type FilterOptions, filtering, oneFilter } from "../filters.ts";
import { messageText } from "../messages.ts";
import type { Column } from "../table.ts";
import { moment, wholeNumber } from "../values.ts";
import { type Define, examples } from "../verb.ts";

type Schemas = components["schemas"];

interface FindOptions extends FilterOptions {
  readonly key?: string;
  readonly id?: string;
  readonly topic?: string;
  readonly since?: Date;
  readonly until?: Date;
  readonly limit?: number;
}

/** Of one call. */
const PAGE = 64;
const LIMIT = 100;

const COLUMNS: readonly Column<Schemas["GroupState"]>[] = [
  { heading: "group", cell: ({ group }) => group },
  { heading: "state", cell: ({ state }) => state },
  { heading: "attempt", cell: ({ attempt }) => attempt, align: "right" },
  { heading: "next attempt", cell: ({ nextAttemptAt }) => nextAttemptAt },
  { heading: "lease until", cell: ({ leaseExpiresAt }) => leaseExpiresAt },
];

export const defineFind: Define = (command, cli) => {
  examples(command, [
    "apogee find orders --key A-1001         # newest first",
    "apogee find orders --since 1h --tag paid --limit 1000 --json",
    "apogee find --id 01A3185C67706D6900DE3A2784160000   # and what each group has done with it",
  ])
    .argument("[topic]")
    .option("--key <key>", "one of the message's keys")
    .option("--id <id>", "the message with this id")
    .option("--topic <topic>", "where the message with the id is: for ids that producers chose, and for dead letters")
    .option("--since <time>", "stored since a time, or since so long ago, such as 1h", moment)
    .option("--until <time>", "stored before", moment)
    .option("--limit <n>", `messages at most (default ${LIMIT})`, wholeNumber(1));
  filtering(command).action(async (argument: string | undefined, { topic: named, id, ...search }: FindOptions) => {
    if (argument !== undefined && named !== undefined && argument !== named)
      throw new UsageFailure(`Two topics are named, ${argument} and ${named}: give one of them.`);
    const topic = argument ?? named;
    cli.output.endsUnread();
    if (id !== undefined) {
      if (Object.keys(search).length > 0) throw new UsageFailure("--id finds one message: give nothing beside it but its topic.");
      await showOne(cli, id, topic);
    } else {
      if (topic === undefined) throw new UsageFailure("What is to be found? Give a topic, or --id.");
      oneFilter(search);
      await showMatches(cli, topic, search);
    }
  });
};

async function showOne(cli: Cli, messageId: string, topic: string | undefined): Promise<void> {
  const apogee = await cli.connect();
  const message = await withAllGroups(apogee, messageId, topic);
  await cli.output.next(message, (colours) => messageText(message, colours));
  if (!cli.output.isJson) await cli.output.list(message.groups, COLUMNS, `No group is subscribed to ${message.topic}.`);
}

type MessageWithAllGroups = Omit<Schemas["MessageWithGroups"], "nextCursor" | "complete">;

/** The message, with the groups of all pages. */
async function withAllGroups(apogee: Apogee, messageId: string, topic: string | undefined): Promise<MessageWithAllGroups> {
  const groups: Schemas["GroupState"][] = [];
  let cursor: string | undefined;
  for (;;) {
    const query = { ...(topic !== undefined && { topic }), ...(cursor !== undefined && { cursor }) };
    const page = await apogee.call("get", "/v1/messages/{messageId}", { path: { messageId }, query });
    const { nextCursor, complete: _, ...message } = page;
    groups.push(...message.groups);
    if (nextCursor === null) return { ...message, groups };
    cursor = nextCursor;
  }
}

/** Shows each page as it comes: a search through many messages takes long. */
async function showMatches(
  cli: Cli,
  topic: string,
  { since, until, limit = LIMIT, ...matching }: Omit<FindOptions, "id" | "topic">,
): Promise<void> {
  const apogee = await cli.connect();
  const range = { ...(since && { from: since.toISOString() }), ...(until && { to: until.toISOString() }) };
  let found = 0;
  let cursor: string | undefined;
  do {
    const query = { ...matching, ...range, limit: Math.min(limit - found, PAGE), ...(cursor !== undefined && { cursor }) };
    const page = await apogee.call("get", "/v1/topics/{topic}/messages", { path: { topic }, query });
    for (const message of page.items) await cli.output.next(message, (colours) => messageText(message, colours));
    found += page.items.length;
    for (const { queueId, offset, reason } of page.unreadable ?? []) {
      cli.exitCode = EXIT.partly;
      cli.output.note(`${topic}/${queueId}@${offset} cannot be read, and may be one of them: ${reason}`);
    }
    cursor = page.nextCursor ?? undefined;
    if (cursor === undefined && !page.complete) {
      cli.exitCode = EXIT.partly;
      cli.output.note("A part of the index of keys is damaged: messages may be missing.");
    }
  } while (cursor !== undefined && found < limit);
  if (found === 0) cli.output.note(`There are no such messages in ${topic}.`);
  else if (cursor !== undefined) cli.output.note(`There may be more: --limit ${limit * 10} shows up to ${limit * 10}.`);
}
