import { performance } from "node:perf_hooks";
import { CommanderError } from "commander";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { exitCodeOf, failureLine } from "./failures.ts";
import { Unread } from "./output.ts";
import { createProgram, type Program } from "./program.ts";

const { argv, env: environment, stdin, stdout, stderr } = process;
const [first, ...rest] = argv.slice(2);
const args = first === "help" ? [...rest, "--help"] : argv.slice(2);

// The output hears from its own writes that nobody reads any more.
stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
});
stderr.on("error", () => undefined);

const program = await createProgram({ environment, stdin, stdout, stderr, now: () => performance.now() }, args, import.meta.url);
for (const [signal, code] of [["SIGINT", EXIT.interrupted] as const, ["SIGTERM", EXIT.terminated] as const])
  process.on(signal, () => {
    if (!program.cli.interrupt(code)) process.exit(code);
  });
process.exitCode = await run(program);

async function run({ command, cli, verb }: Program): Promise<ExitCode> {
  if (args.length === 0) {
    command.outputHelp();
    return EXIT.done;
  }
  try {
    await command.parseAsync([...args], { from: "user" });
    return cli.interruptedAs ?? cli.exitCode;
  } catch (error) {
    if (cli.interruptedAs !== undefined) return cli.interruptedAs;
    if (error instanceof Unread) return cli.exitCode;
    // Commander has said what is wrong.
    if (error instanceof CommanderError) {
      if (error.code === "commander.unknownOption" && verb() === undefined)
        cli.output.note(`A verb goes first. To start a server: apogee start ${args.join(" ")}`);
      return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    }
    cli.output.note(`${cli.output.noteColours.bad("apogee:")} ${failureLine(error, cli.endpoint)}`);
    if (cli.options.debug && error instanceof Error) cli.output.note(String(error.stack));
    return exitCodeOf(error);
  }
}
