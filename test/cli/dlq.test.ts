import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { Apogee } from "../../client/apogee.ts";
import { brokerForTests, documents, ended, spawnCli } from "./run-cli.ts";

const broker = brokerForTests();

interface Letter {
  readonly id: string;
  readonly body: string;
  readonly tag: string;
  readonly dlqOffset: string;
}

beforeAll(async () => {
  await broker.json("topic", "create", "orders", "--queues", "1");
});

/** Makes a group with so many dead letters; of the bodies `0`, `1` and so on, with the tags `even` and `odd`. */
async function groupWithDeadLetters(group: string, count: number): Promise<readonly Letter[]> {
  const apogee = new Apogee({ endpoint: broker.url });
  await apogee.group(group).put();
  await apogee.group(group).subscribe("orders");
  const messages = Array.from({ length: count }, (_, index) => ({ body: String(index), tag: index % 2 ? "odd" : "even" }));
  await apogee.topic("orders").sendBatch(messages);
  for (let dead = 0; dead < count; ) {
    const received = await apogee.consumer(group).receive({ max: 32, waitSeconds: 5 });
    await Promise.all(received.map((message) => message.deadLetter("nobody wants it")));
    dead += received.length;
  }
  return broker.json<Letter>("dlq", "ls", group, "--limit", "10000");
}

/** What the group gets now. */
const received = async (group: string) =>
  (await broker.json<Letter>("receive", group, "--ack", "--max", "1000")).map(({ body }) => body);

test("dead letters are listed over all pages, up to a limit, and shown one by one", async () => {
  const letters = await groupWithDeadLetters("many", 1_050);
  expect(new Set(letters.map(({ body }) => Number(body)))).toEqual(new Set(Array.from({ length: 1_050 }, (_, index) => index)));
  const places = letters.map(({ dlqOffset }) => Number(dlqOffset));
  expect(places).toEqual(Array.from({ length: 1_050 }, (_, index) => index));
  expect(await broker.json("dlq", "ls", "many")).toHaveLength(100);
  const some = await broker.run(["dlq", "ls", "many", "--limit", "2"]);
  expect(some.out).toMatch(
    /^ID +TOPIC +TAG +ATTEMPTS +DIED +REASON\n0-\S+ +orders +(even|odd) +1 +\S+Z +nobody wants it\n1-.*\n$/,
  );
  expect(some.err).toBe("These are the first 2. For more: --limit.\n");
  const id = letters[1]?.id ?? "";
  expect(await broker.json("dlq", "show", "many", id)).toEqual([letters[1]]);
  const shown = await broker.run(["dlq", "show", "many", id]);
  expect(shown.out).toMatch(new RegExp(`^id +${id}\n(.*\n)*reason +nobody wants it\n(.*\n)*\n${letters[1]?.body}\n$`));
  expect(await broker.run(["dlq", "show", "many", `7-${id}`])).toMatchObject({ code: 4, out: "" });
  const exported = await broker.run(["dlq", "export", "many"]);
  expect(exported).toMatchObject({ code: 0, err: "1050 dead letters of many were written.\n" });
  expect(documents(exported.out)).toEqual(letters);
});

test("an export appears in its file as a whole, and replaces no file unasked", async () => {
  await groupWithDeadLetters("kept", 3);
  const file = join(broker.folder, "kept.ndjson");
  expect(await broker.run(["dlq", "export", "kept", "--out", file])).toMatchObject({ code: 0, out: "" });
  expect(documents(readFileSync(file, "utf8"))).toEqual(await broker.json("dlq", "ls", "kept"));
  writeFileSync(file, "mine");
  expect(await broker.run(["dlq", "export", "kept", "--out", file])).toMatchObject({
    code: 2,
    err: `apogee: ${file} will be replaced. There is nobody to ask: --yes confirms it.\n`,
  });
  // A failure on the way leaves the file as it was, and nothing beside it.
  expect(await broker.run(["dlq", "export", "nobody", "--out", file, "--yes"])).toMatchObject({ code: 4 });
  expect(readFileSync(file, "utf8")).toBe("mine");
  expect(readdirSync(broker.folder).filter((name) => name.endsWith(".part"))).toEqual([]);
  expect(await broker.run(["dlq", "export", "kept", "--out", file, "--yes"])).toMatchObject({ code: 0 });
  expect(documents(readFileSync(file, "utf8"))).toHaveLength(3);
  const nowhere = await broker.run(["dlq", "export", "kept", "--out", join(broker.folder, "no", "file")]);
  expect(nowhere).toMatchObject({ code: 1, err: expect.stringContaining("cannot be written: ENOENT") });
  expect(existsSync(join(broker.folder, "no"))).toBe(false);
});

test("dead letters are delivered again: some by their ids, some by a filter, or all", async () => {
  const letters = await groupWithDeadLetters("again", 6);
  expect(await broker.json("dlq", "redrive", "again", "--dry-run", "--tag", "odd")).toEqual([
    { dryRun: true, matched: 3, complete: true },
  ]);
  const first = letters[0]?.id ?? "";
  expect(await broker.json("dlq", "redrive", "again", first)).toMatchObject([{ state: "DONE", moved: 1 }]);
  expect(await received("again")).toEqual([letters[0]?.body]);
  const known = await broker.run(["dlq", "redrive", "again", first, letters[1]?.id ?? ""]);
  expect(known).toMatchObject({ code: 3, err: "1 dead letters were moved.\n1 of the ids are no dead letters of again.\n" });
  expect(await broker.run(["dlq", "redrive", "again", first])).toMatchObject({ code: 4 });
  expect(await broker.json("dlq", "redrive", "again", "--filter", "DLQ_ATTEMPTS > 1")).toMatchObject([{ moved: 0 }]);
  await broker.json("topic", "create", "attic", "--queues", "1");
  await broker.json("subscribe", "create", "cleaner", "attic");
  expect(await broker.json("dlq", "redrive", "again", "--to", "attic")).toMatchObject([{ moved: 4, remaining: 0 }]);
  expect(await received("cleaner")).toEqual(letters.slice(2).map(({ body }) => body));
  expect(await broker.run(["dlq", "redrive", "again", "--to", "nothing"])).toMatchObject({ code: 4 });
  for (const wrong of [[first, "--tag", "odd"], ["--job", "x", "--rate", "1"], Array.from({ length: 101 }, () => first)])
    expect(await broker.run(["dlq", "redrive", "again", ...wrong])).toMatchObject({ code: 2, out: "" });
});

test("a redrive that takes long is followed, and goes on when nobody follows it any more", { timeout: 60_000 }, async () => {
  await groupWithDeadLetters("slow", 22);
  const child = spawnCli(["dlq", "redrive", "slow", "--rate", "2"], { environment: { APOGEE_ENDPOINT: broker.url } });
  const end = ended(child);
  const [line] = await once(child.stderr as NodeJS.ReadableStream, "data");
  expect(String(line)).toMatch(/^\d+ of 1\d dead letters looked at, \d+ per second, \d+ s left\n$/);
  child.kill("SIGINT");
  const { code, out, err } = await end;
  expect({ code, out }).toEqual({ code: 130, out: "" });
  const [, job = ""] =
    /The redrive goes on at the broker\. To look at it again: apogee dlq redrive slow --job (\S+)\n$/.exec(err) ?? [];
  const [seen] = await broker.json<{ moved: number }>("dlq", "redrive", "slow", "--job", job, "--detach");
  expect(seen).toMatchObject({ jobId: job, state: "RUNNING" });
  const [later] = await broker.json<{ moved: number }>("dlq", "redrive", "slow", "--job", job);
  expect(later).toMatchObject({ jobId: job, state: "DONE", moved: 22, remaining: 0 });
  expect(await broker.run(["dlq", "redrive", "slow", "--job", "nothing"])).toMatchObject({ code: 4 });
});

test("a redrive that fails on the way is done in part", async () => {
  await groupWithDeadLetters("unlucky", 12);
  await broker.json("topic", "create", "gone");
  const [begun] = await broker.json<{ jobId: string }>("dlq", "redrive", "unlucky", "--to", "gone", "--rate", "2", "--detach");
  expect(begun).toMatchObject({ state: "RUNNING" });
  await broker.json("topic", "rm", "gone", "--yes");
  const followed = await broker.run(["dlq", "redrive", "unlucky", "--job", begun?.jobId ?? "", "--json"]);
  expect(followed.code).toBe(3);
  expect(documents(followed.out)).toMatchObject([{ state: "FAILED", failure: expect.stringContaining("gone") }]);
  expect(followed.err).toMatch(/apogee: The redrive failed after \d+ dead letters: /);
});

test("a purge asks, and deletes all", async () => {
  await groupWithDeadLetters("old", 2);
  expect(await broker.run(["dlq", "purge", "old"])).toEqual({
    code: 2,
    out: "",
    err: "apogee: The 2 dead letters of old will be deleted. There is nobody to ask: --yes confirms it.\n",
  });
  expect(await broker.json("dlq", "purge", "old", "--yes")).toEqual([{ group: "old", purged: 2 }]);
  expect(await broker.run(["dlq", "ls", "old"])).toEqual({ code: 0, out: "", err: "old has no dead letters.\n" });
});
