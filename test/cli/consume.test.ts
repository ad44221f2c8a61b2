import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import type { components } from "../../client/api-types.ts";
import { Apogee } from "../../client/apogee.ts";
import type { MessageOptions } from "../../client/send.ts";
import { brokerForTests, documents, ended, spawnCli } from "./run-cli.ts";

const broker = brokerForTests();

beforeAll(async () => {
  await broker.json("topic", "create", "orders", "--queues", "1", "--type", "MIXED");
});

/** A group that gets what is sent from now on. What it gives back comes again at once. */
async function group(name: string, settings: components["schemas"]["GroupSettings"] = {}) {
  const made = new Apogee({ endpoint: broker.url }).group(name);
  await made.put({ backoff: [0], ...settings });
  await made.subscribe("orders");
}

const send = (body: string, options?: MessageOptions) => new Apogee({ endpoint: broker.url }).topic("orders").send(body, options);
const consume = (name: string, ...rest: string[]) => broker.run(["consume", name, ...rest]);
const spawnConsume = (name: string, ...rest: string[]) =>
  spawnCli(["consume", name, ...rest], { environment: { APOGEE_ENDPOINT: broker.url } });
const lag = async (name: string) => (await (await fetch(`${broker.url}/v1/groups/${name}/lag`)).json()) as object;

/** Its arguments stand before those of the shell, as a file name would. */
const shell = (script: string) => ["--", "sh", "-c", script];

test("each message starts a command, which reads the body and what else is known of it", async () => {
  await group("reads");
  const sent = { tag: "paid", keys: ["a", "b"], properties: { "trace-id": "7" }, messageGroup: "g" };
  const receipt = await send("hello", sent);
  await send("bye");
  const script =
    'cat; echo " $APOGEE_MESSAGE_ID $APOGEE_TOPIC/$APOGEE_QUEUE_ID@$APOGEE_OFFSET [$APOGEE_TAG]" $APOGEE_KEYS ' +
    '"[$APOGEE_MESSAGE_GROUP] $APOGEE_ATTEMPT of $APOGEE_MAX_ATTEMPTS $APOGEE_PROPERTY_trace_id"; echo told >&2';
  const { code, out, err } = await consume("reads", "--max", "2", ...shell(script));
  expect({ code, err }).toEqual({ code: 0, err: "told\ntold\nMessages: 2 acknowledged.\n" });
  const [first, second] = out.split("\n");
  expect(first).toBe(`hello ${receipt.messageId} orders/0@0 [paid] a b [g] 1 of 17 7`);
  expect(second).toMatch(/^bye \w+ orders\/0@1 \[\] \[\] 1 of 17 $/);
  expect(await lag("reads")).toMatchObject({ lag: 0 });
});

test("options behind -- are the command's, and a command need not read its body", async () => {
  await group("plain");
  await broker.run(["send", "orders", "-"], { stdin: "x".repeat(1_000_000) });
  const { code, out } = await consume("plain", "--max", "1", "--", "echo", "--json", "-n", "--help");
  expect({ code, out }).toEqual({ code: 0, out: "--json -n --help\n" });
});

test("a failure gives the message back with its reason, and the group's last attempt makes it a dead letter", async () => {
  await group("fails", { maxAttempts: 2 });
  const receipt = await send("bad");
  const run = await consume("fails", "--until-empty", ...shell("echo one >&2; echo no such order >&2; exit 7"));
  expect(run).toMatchObject({ code: 1, out: "" });
  expect(run.err).toContain(`apogee: message ${receipt.messageId} was given back: exit code 7: no such order\n`);
  expect(run.err).toContain(`apogee: message ${receipt.messageId} was dead-lettered: exit code 7: no such order\n`);
  expect(run.err).toMatch(/Messages: 1 given back, 1 dead-lettered\.\n$/);
  const dead = await (await fetch(`${broker.url}/v1/groups/fails/dlq`)).json();
  expect(dead).toMatchObject({ items: [{ reason: "exit code 7: no such order" }] });
});

test("an exit code of --reject-code dead-letters at once; the JSON has the outcome of every message", async () => {
  await group("rejects");
  for (const body of ["good", "rotten", "killed"]) await send(body);
  const script = 'read -r body; echo "saw $body"; case $body in rotten) exit 65;; killed) kill -9 $$;; esac';
  const { code, out, err } = await consume("rejects", "--max", "3", "--json", "--reject-code", "65", ...shell(script));
  expect(code).toBe(3);
  expect(documents(out)).toMatchObject([
    { outcome: "ACKED", reason: null, topic: "orders", queueId: 0, attempt: 1 },
    { outcome: "DEAD_LETTERED", reason: "exit code 65" },
    { outcome: "GIVEN_BACK", reason: "signal SIGKILL" },
  ]);
  expect(err).toContain("saw good\nsaw rotten\n");
  expect(await (await fetch(`${broker.url}/v1/groups/rejects/dlq`)).json()).toMatchObject({
    items: [{ reason: "exit code 65" }],
  });
});

test("so many commands run at once, and no more begin than --max says", async () => {
  await group("many");
  for (let count = 0; count < 6; count++) await send("x");
  const file = join(broker.folder, "begun");
  // Each waits until three have begun.
  const script = `echo x >> ${file}; until [ $(wc -l < ${file}) -ge 3 ]; do sleep 0.05; done; echo done`;
  const { code, out } = await consume("many", "--concurrency", "3", "--max", "5", ...shell(script));
  expect({ code, out }).toEqual({ code: 0, out: "done\n".repeat(5) });
  expect(readFileSync(file, "utf8")).toBe("x\n".repeat(5));
  // What was not begun is there for others at once.
  expect(await broker.json("receive", "many", "--ack")).toMatchObject([{ attempt: 1 }]);
});

test("--until-empty ends at once where nothing is left, of the topics that are named", async () => {
  await broker.json("topic", "create", "others");
  await group("empties");
  await broker.json("subscribe", "create", "empties", "others");
  await send("x");
  const none = await consume("empties", "--until-empty", "--topics", "others", ...shell("cat"));
  expect(none).toEqual({ code: 0, out: "", err: "There were no messages.\n" });
  const all = await consume("empties", "--until-empty", "--lease", "10s", ...shell("cat"));
  expect(all).toEqual({ code: 0, out: "x", err: "Messages: 1 acknowledged.\n" });
});

test("a command that cannot be started is a wrong use, and costs no attempt", async () => {
  await group("nothing");
  await send("x");
  const { code, out, err } = await consume("nothing", "--", "no-such-command-here");
  expect({ code, out }).toEqual({ code: 2, out: "" });
  expect(err).toContain("apogee: no-such-command-here cannot be started: there is no such command.\n");
  expect(await broker.json("receive", "nothing", "--ack")).toMatchObject([{ attempt: 1 }]);
  expect(await consume("nobody", "--", "true")).toMatchObject({ code: 4 });
});

test.each([
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)("%s lets the command that runs finish, and acknowledges its message", async (signal, code) => {
  const name = `drains-${signal}`;
  await group(name);
  await send("x");
  const file = join(broker.folder, name);
  const child = spawnConsume(name, ...shell(`echo begun; until [ -e ${file} ]; do sleep 0.05; done; echo finished`));
  const end = ended(child);
  await once(child.stdout as NodeJS.ReadableStream, "data");
  child.kill(signal);
  await once(child.stderr as NodeJS.ReadableStream, "data");
  await broker.run(["send", "orders", "y"]);
  writeFileSync(file, "");
  expect(await end).toMatchObject({ code, out: "begun\nfinished\n", err: expect.stringContaining("1 acknowledged") });
  expect(await broker.json("receive", name, "--ack")).toMatchObject([{ body: "y", attempt: 1 }]);
});

test("a second Ctrl-C ends the command too", async () => {
  await group("twice");
  await send("x");
  const file = join(broker.folder, "twice");
  const child = spawnConsume(
    "twice",
    ...shell(`trap 'echo ended > ${file}; exit 1' TERM; echo begun; while :; do sleep 0.05; done`),
  );
  const end = ended(child);
  await once(child.stdout as NodeJS.ReadableStream, "data");
  child.kill("SIGINT");
  await once(child.stderr as NodeJS.ReadableStream, "data");
  child.kill("SIGINT");
  expect(await end).toMatchObject({ code: 130 });
  await expect.poll(() => existsSync(file)).toBe(true);
});

test("a lease that is lost ends the command", async () => {
  await group("loses", { leaseSeconds: 1 });
  const receipt = await send("x");
  const child = spawnConsume(
    "loses",
    "--max",
    "1",
    ...shell("trap 'echo ended; exit 0' TERM; echo begun; while :; do sleep 0.05; done"),
  );
  const end = ended(child);
  await once(child.stdout as NodeJS.ReadableStream, "data");
  // It makes void what is in flight.
  const reset = { topic: "orders", to: "latest" };
  const answer = await fetch(`${broker.url}/v1/groups/loses/offsets/reset`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(reset),
  });
  expect(answer.status).toBe(200);
  expect(await end).toMatchObject({
    code: 1,
    out: "begun\nended\n",
    err: expect.stringContaining(`message ${receipt.messageId} was lost: The lease of message`),
  });
});
