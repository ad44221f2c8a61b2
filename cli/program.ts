import { readFileSync } from "node:fs";
import { Command } from "commander";
import { Cli, type CliParts, type CommonOptions } from "./cli.ts";
import { wantsColours } from "./colours.ts";
import { completeNames } from "./complete-names.ts";
import { UsageFailure } from "./failures.ts";
import { FAMILIES } from "./families.ts";
import { examples } from "./verb.ts";

const EXAMPLES = [
  "apogee start --data-dir ./data          # a server, in another terminal",
  "apogee topic create orders",
  "apogee subscribe create billing orders  # makes the group too",
  "apogee send orders 'hello'",
  "apogee receive billing --ack",
];
const SHELLS = "completion";
const COMPLETE = "complete";

export interface Program {
  readonly command: Command;
  readonly cli: Cli;
  /** The first word of the command line that is a verb, once there was one. */
  readonly verb: () => string | undefined;
}

/** The command line as a whole. Only the verb that is named is read from its file. */
export async function createProgram(parts: CliParts, args: readonly string[], entryUrl: string): Promise<Program> {
  const command = new Command("apogee");
  const cli = new Cli(parts, () => command.opts<CommonOptions>());
  let verb: string | undefined;
  lookLike(command, parts);
  examples(command.description("Works with an Apogee message broker, and starts one."), EXAMPLES)
    .option("--endpoint <url>", "address of the broker (APOGEE_ENDPOINT; default http://localhost:8080)")
    .option("--api-key <key>", "others on this machine can read it: better APOGEE_API_KEY, or a context")
    .option("--context <name>", "endpoint and key by this name, see apogee context")
    .option("--json", "data as JSON: a document for one thing, and a document a line for lists and streams")
    .option("-y, --yes", "confirm what would be asked before something is lost")
    .option("--debug", "show where in the program an error came from")
    .version(versionBeside(entryUrl), "-v, --version", "show the version")
    .helpOption("-h, --help", "show this")
    .helpCommand(false);
  addServerVerbs(command);
  for (const { name, summary, load } of FAMILIES) {
    const family = command.command(name).description(summary).helpCommand(false);
    const define = async () => (await load())(family, cli);
    // The shell asks for completions of everything.
    if (args[0] === COMPLETE) await define();
    else command.hook("preSubcommand", (_, named) => (named === family ? define() : undefined));
  }
  await addCompletion(command, args, parts.environment);
  command.hook("preSubcommand", (_, named) => {
    verb = named.name();
  });
  return { command, cli, verb: () => verb };
}

/** What commands inherit, so it is set before there are any. */
function lookLike(command: Command, { stdout, stderr, environment }: CliParts): void {
  command
    .exitOverride()
    .showSuggestionAfterError()
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(text),
      outputError: (text, write) => write(text.replace(/^error: /, "apogee: ").replace("\n(", " (")),
      getOutHasColors: () => wantsColours(stdout, environment),
      getErrHasColors: () => wantsColours(stderr, environment),
    });
}

/** What runs before this program is read, where it is the first word. It is here for the help and for completion. */
function addServerVerbs(command: Command): void {
  const verbs = [
    command.command("start").description("start a server: apogee start --help"),
    command.command("backup").argument("[folder]").description("copy the folder of a server that may be running"),
  ];
  for (const verb of verbs) {
    verb
      .allowUnknownOption()
      .allowExcessArguments()
      .action(() => {
        throw new UsageFailure(`${verb.name()} goes first: apogee ${verb.name()} [options]`);
      });
  }
}

/** Its library is read when a script or a completion is asked for. */
async function addCompletion(command: Command, args: readonly string[], environment: NodeJS.ProcessEnv): Promise<void> {
  if (args.includes(SHELLS) || args[0] === COMPLETE) {
    const { default: tab } = await import("@bomb.sh/tab/commander");
    const completion = tab(command, { completionCommandName: SHELLS });
    if (args[0] === COMPLETE) await completeNames(command, completion, { words: args.slice(2), environment });
    const shells = command.commands.find((one) => one.name() === SHELLS);
    if (shells)
      examples(shells, [
        "source <(apogee completion bash)        # this shell",
        "apogee completion fish > ~/.config/fish/completions/apogee.fish",
      ]);
  } else command.command(SHELLS).description("a script that completes command lines in bash, zsh, fish or PowerShell");
}

/** Of the package. The package.json is one folder up, for the source and for the bundle. */
function versionBeside(entryUrl: string): string {
  const text = readFileSync(new URL("../package.json", entryUrl), "utf8");
  return (JSON.parse(text) as { readonly version: string }).version;
}
