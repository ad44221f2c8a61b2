import type { Command } from "commander";
import type { components } from "../../client/api-types.ts";
import type { Apogee } from "../../client/apogee.ts";
import { type Duration, secondsOf } from "../../client/duration.ts";
import type { Cli } from "../cli.ts";
import { each } from "../each.ts";
import { bodyText, factsLine } from "../messages.ts";
import { firstItems } from "../pages.ts";
import type { Column } from "../table.ts";
import { duration, oneOf, wholeNumber } from "../values.ts";
import { type Define, examples, subcommand } from "../verb.ts";

type Schemas = components["schemas"];

const STATUSES = ["pending", "committed", "rolledBack", "discarded"] as const satisfies readonly Schemas["TransactionStatus"][];

const COLUMNS: readonly Column<Schemas["Transaction"]>[] = [
  { heading: "transaction", cell: ({ transactionId }) => transactionId },
  { heading: "topic", cell: ({ topic }) => topic },
  { heading: "producers", cell: ({ producerGroup }) => producerGroup },
  { heading: "state", cell: ({ state }) => state },
  { heading: "checks", cell: ({ checks }) => checks, align: "right" },
  { heading: "next check", cell: ({ nextCheckAt }) => nextCheckAt },
  { heading: "began", cell: ({ createdAt }) => createdAt },
  { heading: "ended", cell: ({ endedAt }) => endedAt },
];

interface ListOptions {
  readonly status?: Schemas["TransactionStatus"];
  readonly producerGroup?: string;
  readonly limit: number;
}

/** Of one receive of checks. */
const AT_ONCE = 32;
const WAIT_SECONDS_MAX = 20;

export const defineTx: Define = (family, cli) => {
  examples(family, [
    "apogee tx ls --status pending",
    "apogee tx commit 01A3185C5000314EFFA10FDEFDDD6180",
    "apogee tx check ledger",
  ]);

  subcommand(family, "ls", "list transactions, the oldest first", [
    "apogee tx ls --status pending --producer-group ledger",
    "apogee tx ls --status discarded --json | jq -r .transactionId",
  ])
    .option("--status <status>", STATUSES.join(", "), oneOf(STATUSES))
    .option("--producer-group <name>", "those that this group of producers answers for")
    .option("--limit <n>", "transactions at most", wholeNumber(1), 100)
    .action(async ({ limit, ...search }: ListOptions) => {
      const apogee = await cli.connect();
      const { items, isCut } = await firstItems(limit, (query) =>
        apogee.call("get", "/v1/transactions", { query: { ...search, ...query } }),
      );
      await cli.output.list(items, COLUMNS, "There are no such transactions.");
      if (isCut) cli.output.note(`These are the first ${limit}. For more: --limit.`);
    });

  deciding(
    subcommand(family, "commit <id...>", "have the messages of transactions delivered", [
      "apogee tx commit 01A3185C5000314EFFA10FDEFDDD6180",
      "apogee tx commit 01A3185C5000314EFFA10FDEFDDD6180 --discarded",
    ]),
  ).action(async (ids: readonly string[], { discarded }: { discarded?: boolean }) => {
    await decideEach(cli, await cli.connect(), { verdict: "commit", ids, discarded });
  });

  deciding(
    subcommand(family, "rollback <id...>", "drop the messages of transactions; more than one is asked about", [
      "apogee tx rollback 01A3185C5000314EFFA10FDEFDDD6180",
    ]),
  ).action(async (ids: readonly string[], { discarded }: { discarded?: boolean }) => {
    const apogee = await cli.connect();
    if (ids.length > 1)
      await cli.confirm({ loss: `The messages of ${ids.length} transactions will be dropped.`, name: String(ids.length) });
    await decideEach(cli, apogee, { verdict: "rollback", ids, discarded });
  });

  subcommand(family, "check <producer-group>", "receive checks, each of which is handed out once, and show them", [
    "apogee tx check ledger --wait 20s",
    "apogee tx check ledger --max 100 --json | jq -r .transactionId",
  ])
    .option("--wait <time>", "how long to wait for the first one, up to 20s", duration, 0)
    .option("--max <n>", "checks at most", wholeNumber(1), 10)
    .action(async (group: string, { wait, max }: { wait: Duration; max: number }) => {
      await showChecks(cli, await cli.connect(), { group, max, waitSeconds: secondsOf(wait) });
    });
};

const deciding = (command: Command): Command =>
  command.option("--discarded", "also where it was discarded, after checks that nobody answered");

interface Decision {
  readonly verdict: "commit" | "rollback";
  readonly ids: readonly string[];
  readonly discarded: boolean | undefined;
}

async function decideEach(cli: Cli, apogee: Apogee, { verdict, ids, discarded = false }: Decision): Promise<void> {
  const query = discarded ? { discarded } : {};
  await each(cli, { ids, idName: "transactionId" }, async (transactionId) => {
    const input = { path: { transactionId }, query };
    const transaction = await (verdict === "commit"
      ? apogee.call("post", "/v1/transactions/{transactionId}/commit", input)
      : apogee.call("post", "/v1/transactions/{transactionId}/rollback", input));
    await cli.output.next(transaction, () => `${transactionId}  ${transaction.state}\n`);
  });
}

interface CheckSearch {
  readonly group: string;
  readonly max: number;
  readonly waitSeconds: number;
}

async function showChecks(cli: Cli, apogee: Apogee, { group, max, waitSeconds }: CheckSearch): Promise<void> {
  // What nobody reads would be handed out in vain.
  cli.output.endsUnread();
  let shown = 0;
  while (shown < max) {
    const { checks } = await apogee.call("post", "/v1/producer-groups/{producerGroup}/checks/receive", {
      path: { producerGroup: group },
      body: {
        max: Math.min(max - shown, AT_ONCE),
        waitSeconds: shown === 0 ? Math.min(Math.ceil(waitSeconds), WAIT_SECONDS_MAX) : 0,
      },
    });
    if (checks.length === 0) break;
    for (const check of checks)
      await cli.output.next(check, ({ faint }) => {
        const { transactionId, checkNumber, message } = check;
        return `${faint(`${transactionId}  check ${checkNumber}  ${factsLine(message)}`)}\n${bodyText(message)}\n`;
      });
    shown += checks.length;
  }
  if (shown === 0) cli.output.note(`There are no checks for ${group}.`);
  else
    cli.output.note(
      "Each check is handed out once: answer it with apogee tx commit or apogee tx rollback. Without an answer the next check of its transaction comes 30 seconds later.",
    );
}
