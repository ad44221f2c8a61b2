import { checked, noContext } from "../connection.ts";
import { type Context, contextsPath, readContexts, writeContexts } from "../contexts.ts";
import { UsageFailure } from "../failures.ts";
import { readAll } from "../input.ts";
import type { Column } from "../table.ts";
import { type Define, examples, subcommand } from "../verb.ts";

/** What is shown of a context: never its key. */
interface Shown {
  readonly name: string;
  readonly endpoint: string;
  readonly hasApiKey: boolean;
  readonly current: boolean;
}

const COLUMNS: readonly Column<Shown>[] = [
  { heading: "", cell: ({ current }) => (current ? "*" : " ") },
  { heading: "name", cell: ({ name }) => name },
  { heading: "endpoint", cell: ({ endpoint }) => endpoint },
  { heading: "key", cell: ({ hasApiKey }) => hasApiKey },
];

export const defineContext: Define = (family, cli) => {
  examples(family, [
    "apogee context add prod --endpoint https://broker.example.com --api-key - < key.txt",
    "apogee context use prod",
  ]);
  const path = contextsPath(cli.environment);

  subcommand(family, "ls", "list contexts; * is the current one", ["apogee context ls"]).action(async () => {
    const { current, contexts } = await readContexts(path);
    const shown = Object.entries(contexts).map(([name, { endpoint, apiKey }]) => ({
      name,
      endpoint,
      hasApiKey: apiKey !== undefined,
      current: name === current,
    }));
    await cli.output.list(shown, COLUMNS, "There are no contexts. To add one: apogee context add prod --endpoint <url>");
  });

  subcommand(family, "add <name>", "add a context, or replace one that is confirmed; the first one is the current one", [
    "apogee context add local --endpoint http://localhost:8080",
    "apogee context add prod --endpoint https://broker.example.com --api-key - < key.txt",
  ]).action(async (name: string) => {
    const { endpoint, apiKey } = cli.options;
    if (endpoint === undefined) throw new UsageFailure("Where is the broker? Give --endpoint <url>.");
    const key = apiKey === "-" ? (await readAll(cli.stdin)).toString("utf8").trim() : apiKey;
    if (key === "") throw new UsageFailure("Standard input has no API key.");
    const { current = name, contexts } = await readContexts(path);
    const added = { endpoint: checked(endpoint, "--endpoint"), apiKey: key };
    const loss = lossOf(name, contexts[name], added);
    if (loss !== undefined) await cli.confirm({ loss, name });
    await writeContexts(path, { current, contexts: { ...contexts, [name]: added } });
    await cli.output.thing({ name, endpoint: added.endpoint, hasApiKey: key !== undefined, current: current === name });
  });

  subcommand(family, "use <name>", "make a context the current one", ["apogee context use prod"]).action(async (name: string) => {
    const { contexts } = await readContexts(path);
    const found = contexts[name];
    if (found === undefined) throw noContext(name, Object.keys(contexts));
    await writeContexts(path, { current: name, contexts });
    await cli.output.thing({ name, endpoint: found.endpoint, hasApiKey: found.apiKey !== undefined, current: true });
  });

  subcommand(family, "rm <name>", "forget a context and its key", ["apogee context rm prod --yes"]).action(
    async (name: string) => {
      const { current, contexts } = await readContexts(path);
      if (contexts[name] === undefined) throw noContext(name, Object.keys(contexts));
      await cli.confirm({ loss: `Context ${name} and its API key will be forgotten.`, name });
      const { [name]: _, ...others } = contexts;
      await writeContexts(path, { current: current === name ? undefined : current, contexts: others });
      await cli.output.deleted({ context: name });
    },
  );
};

/** What adding a context does away with; `undefined` where that is nothing. */
function lossOf(name: string, before: Context | undefined, { endpoint, apiKey }: Context): string | undefined {
  if (before === undefined) return undefined;
  const losesKey = before.apiKey !== undefined && before.apiKey !== apiKey;
  if (losesKey) return `Context ${name}, which is ${before.endpoint}, and its API key will be replaced.`;
  return before.endpoint === endpoint ? undefined : `Context ${name}, which is ${before.endpoint}, will be replaced.`;
}
