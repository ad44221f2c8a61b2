import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { beforeAll, expect, test } from "vitest";
import { FAMILIES } from "../../cli/families.ts";
import { brokerForTests, ended, runCli, spawnCli } from "./run-cli.ts";

const broker = brokerForTests();
const ESCAPE = "\u001b[";

beforeAll(async () => {
  await broker.json("topic", "create", "orders");
});

test("help comes on standard output, examples first, and the bare word shows it too", async () => {
  const bare = await runCli([]);
  expect(bare).toMatchObject({ code: 0, err: "" });
  expect(await runCli(["--help"])).toEqual(bare);
  expect(bare.out).toMatch(/^Examples:\n {2}apogee start/);
  for (const verb of ["start", "backup", ...FAMILIES.map(({ name }) => name), "completion"])
    expect(bare.out).toMatch(new RegExp(`^  ${verb} `, "m"));
  for (const command of [["topic"], ["topic", "create"], ["send"], ["lag"], ["dlq", "redrive"], ["completion"]]) {
    const help = await runCli(["help", ...command]);
    expect(help).toMatchObject({ code: 0, err: "" });
    expect(help.out).toMatch(new RegExp(`^Examples:\n.*apogee ${command.join(" ")}`));
  }
  expect(await runCli(["start", "--help"])).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^Usage: apogee start \[options\]/),
  });
  expect(await runCli(["--version"])).toMatchObject({ code: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
});

test.each([
  [["tpoic", "ls"], "apogee: unknown command 'tpoic' (Did you mean topic?)\n"],
  [["--port", "8080"], "apogee: unknown option '--port'\nA verb goes first. To start a server: apogee start --port 8080\n"],
  [["--json", "start", "--port", "1"], "apogee: start goes first: apogee start [options]\n"],
  [["topic", "ls", "--prefx", "a"], "apogee: unknown option '--prefx' (Did you mean --prefix?)\n"],
  [["topic", "get"], "apogee: missing required argument 'topic'\n"],
  [["topic", "create", "x", "--queues", "0"], /^apogee: option '--queues <n>' argument '0' is invalid\. .*from 1 on\.\n$/],
  [["topic", "set", "x"], "apogee: What is to change? apogee topic set --help lists it.\n"],
  [["send", "x"], "apogee: What is to be sent? Give a text, - for standard input, or @file.\n"],
  [["send", "x", "y", "--delay", "soon"], /^apogee: .*such as 10m\.\n$/],
  [["topic", "rm", "orders"], /^apogee: Topic orders and its 0 messages will be deleted\. .*--yes confirms it\.\n$/],
])("%j is a wrong use: exit code 2 and a line that says so", async (args, err) => {
  expect(await broker.run(args)).toEqual({ code: 2, out: "", err: typeof err === "string" ? err : expect.stringMatching(err) });
});

test("a failure is one line, with a stack trace only where that is asked for", async () => {
  const missing = await broker.run(["topic", "get", "nothing", "--json"]);
  expect(missing).toMatchObject({ code: 4, out: "" });
  expect(missing.err).toMatch(/^apogee: TOPIC_NOT_FOUND: Topic 'nothing' does not exist\..* \(request \S+\)\n$/);
  const traced = await broker.run(["topic", "get", "nothing", "--debug"]);
  expect(traced.err).toMatch(/\n {4}at /);
  const nowhere = await broker.run(["topic", "ls", "--endpoint", "http://localhost:4"]);
  expect(nowhere).toMatchObject({ code: 1, out: "" });
  expect(nowhere.err).toMatch(/^apogee: http:\/\/localhost:4 cannot be reached \(.*\)\. To start a server: apogee start\..*\n$/);
});

test("colours are for terminals and for those who force them, and JSON has none", async () => {
  const look = async (environment: Record<string, string>, ...options: string[]) =>
    (await broker.run(["topic", "ls", ...options], { environment })).out.includes(ESCAPE);
  expect(await look({})).toBe(false);
  expect(await look({ FORCE_COLOR: "1" })).toBe(true);
  expect(await look({ FORCE_COLOR: "1", NO_COLOR: "1" })).toBe(false);
  expect(await look({ FORCE_COLOR: "1" }, "--json")).toBe(false);
});

test("Ctrl-C ends a verb", async () => {
  await broker.json("subscribe", "create", "billing", "orders");
  const child = spawnCli(["send", "orders", "--ndjson"], { environment: { APOGEE_ENDPOINT: broker.url } });
  const end = ended(child);
  child.stdin?.write('{"body":"before"}\n');
  // The message is sent, and the verb waits for more.
  await once(child.stdout as NodeJS.ReadableStream, "data");
  child.kill("SIGINT");
  expect(await end).toMatchObject({ code: 130, err: "" });
});

test.each([
  ["bash", ["-n"]],
  ["zsh", ["-n"]],
  ["fish", ["--no-execute"]],
])("the completion of %s is a script of that shell", async (shell, check) => {
  const { code, out, err } = await runCli(["completion", shell]);
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(out).toContain("apogee complete --");
  const { error, status } = spawnSync(shell, check, { input: out });
  // Not every machine has every shell; all have bash.
  if (shell === "bash" || error === undefined) expect(status).toBe(0);
});

test("a shell gets the verbs and options that begin so", async () => {
  const complete = async (...words: string[]) =>
    (await runCli(["complete", "--", ...words])).out.split("\n").map((line) => line.split("\t")[0]);
  expect(await complete("rec")).toContain("receive");
  expect(await complete("topic", "")).toEqual(expect.arrayContaining(["ls", "get", "create", "set", "rm"]));
  expect(await complete("send", "--t")).toContain("--tag");
});

test("a shell gets the broker's topics and groups that begin so, and nothing where there is no broker", async () => {
  await broker.json("subscribe", "create", "mailer", "orders");
  const environment = { APOGEE_ENDPOINT: broker.url };
  const complete = async (words: readonly string[], where: Readonly<Record<string, string>> = environment) => {
    const { code, out, err } = await runCli(["complete", "--", ...words], { environment: where });
    expect({ code, err }).toEqual({ code: 0, err: "" });
    return out
      .trim()
      .split("\n")
      .map((line) => line.split("\t")[0])
      .filter((line) => line !== ":4");
  };
  expect(await complete(["topic", "get", "o"])).toEqual(["orders"]);
  expect(await complete(["topic", "get", "x"])).toEqual([]);
  expect(await complete(["lag", "mai"])).toEqual(["mailer"]);
  // Options and their values are not arguments.
  expect(await complete(["reset", "--to", "1h", "--upper", "mailer", ""])).toEqual(["orders"]);
  expect(await complete(["send", "--endpoint", broker.url, "or"], {})).toEqual(["orders"]);
  expect(await complete(["topic", "get", "o"], { APOGEE_ENDPOINT: "http://localhost:4" })).toEqual([]);
  // It takes the call and never answers.
  const silent = createServer();
  await once(silent.listen(0), "listening");
  const { port } = silent.address() as AddressInfo;
  expect(await complete(["topic", "get", "o"], { APOGEE_ENDPOINT: `http://localhost:${port}` })).toEqual([]);
  silent.close();
});
