import type { RootCommand } from "@bomb.sh/tab";
import type { Command } from "commander";
import type { ConnectionOptions } from "./connection.ts";

/** A shell waits for the answer while somebody types. */
const MOST_MS = 1_000;
const NAMES_MAX = 100;

/** Lists of the API, by the names of the arguments that take an item of theirs. */
const LISTS = { topic: "/v1/topics", group: "/v1/groups" } as const;
const CONNECTION_OPTIONS = { "--endpoint": "endpoint", "--api-key": "apiKey", "--context": "context" } as const;

export interface CompletionRequest {
  /** Of the command line, with the one that is being typed. */
  readonly words: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
}

/** Where the word that is being typed is a topic or a group, the broker's names are completions. A broker that does not answer has none. */
export async function completeNames(command: Command, completion: RootCommand, request: CompletionRequest): Promise<void> {
  const { usage, argument, options } = wordsOf(command, request.words.slice(0, -1));
  if (argument !== "topic" && argument !== "group") return;
  const prefix = request.words.at(-1) ?? "";
  const names = await namesFrom(LISTS[argument], prefix, options, request.environment).catch(() => []);
  const taken = completion.commands.get(usage)?.arguments.get(argument);
  if (taken)
    taken.handler = (complete) => {
      for (const name of names) complete(name, "");
    };
}

interface Words {
  /** The words of the command, such as `topic get`. */
  readonly usage: string;
  /** The name of the argument that comes next. */
  readonly argument: string | undefined;
  readonly options: ConnectionOptions;
}

/** Reads the words before the one that is being typed. */
function wordsOf(root: Command, words: readonly string[]): Words {
  const usage: string[] = [];
  const options: Record<string, string> = {};
  let command = root;
  let given = 0;
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? "";
    if (word.startsWith("-")) {
      const name = CONNECTION_OPTIONS[word as keyof typeof CONNECTION_OPTIONS];
      if (takesValue(root, word) || takesValue(command, word)) at++;
      if (name !== undefined) options[name] = words[at] ?? "";
      continue;
    }
    const named = given === 0 ? command.commands.find((one) => one.name() === word) : undefined;
    if (named) {
      command = named;
      usage.push(word);
    } else given++;
  }
  return { usage: usage.join(" "), argument: command.registeredArguments[given]?.name(), options };
}

const takesValue = (command: Command, word: string): boolean =>
  command.options.some(({ short, long, required }) => required && (word === short || word === long));

async function namesFrom(
  path: (typeof LISTS)[keyof typeof LISTS],
  prefix: string,
  options: ConnectionOptions,
  environment: NodeJS.ProcessEnv,
): Promise<readonly string[]> {
  const [{ Apogee }, { connectionOf }] = await Promise.all([import("../client/apogee.ts"), import("./connection.ts")]);
  const { endpoint, apiKey } = await connectionOf(options, environment);
  const apogee = new Apogee({ endpoint, apiKey, retry: { maxAttempts: 1 } });
  const query = { limit: NAMES_MAX, ...(prefix !== "" && { prefix }) };
  const { items } = await apogee.call("get", path, { query, signal: AbortSignal.timeout(MOST_MS) });
  return items.map(({ name }) => name);
}
