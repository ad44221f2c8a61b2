import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { beforeAll, expect, test } from "vitest";
import { Apogee } from "../../client/apogee.ts";
import { brokerForTests, documents } from "./run-cli.ts";

const broker = brokerForTests();

beforeAll(async () => {
  await broker.json("topic", "create", "transfers", "--type", "TRANSACTION", "--queues", "1");
  await broker.json("subscribe", "create", "bank", "transfers");
});

/** Begins a transaction that its producer never ends. */
async function begin(body: string, producerGroup: string, checkAfterSeconds = 3_600): Promise<string> {
  const { transactionId } = await new Apogee({ endpoint: broker.url }).call("post", "/v1/topics/{topic}/transactions", {
    path: { topic: "transfers" },
    body: { body, producerGroup, checkAfterSeconds },
  });
  return transactionId;
}

const states = async (...options: string[]) =>
  (await broker.json<{ state: string }>("tx", "ls", ...options)).map(({ state }) => state);

test("transactions are listed and ended", async () => {
  const [kept, dropped] = [await begin("kept", "ledger"), await begin("dropped", "ledger")];
  await begin("other", "others");
  expect(await states("--producer-group", "ledger", "--status", "pending")).toEqual(["PREPARED", "PREPARED"]);
  expect(await broker.json("tx", "commit", kept)).toMatchObject([{ transactionId: kept, state: "COMMITTED", queueId: 0 }]);
  const rollback = await broker.run(["tx", "rollback", dropped]);
  expect(rollback).toEqual({ code: 0, out: `${dropped}  ROLLED_BACK\n`, err: "" });
  expect(await states("--producer-group", "ledger")).toEqual(["COMMITTED", "ROLLED_BACK"]);
  expect(await states("--status", "rolledBack")).toEqual(["ROLLED_BACK"]);
  expect(await broker.json("receive", "bank", "--ack", "--wait", "5s")).toMatchObject([{ body: "kept" }]);
  const cut = await broker.run(["tx", "ls", "--limit", "1"]);
  expect(cut.out).toMatch(new RegExp(`^TRANSACTION .*\n${kept} +transfers +ledger +COMMITTED +0 +- +\\S+Z +\\S+Z\n$`));
  expect(cut.err).toBe("These are the first 1. For more: --limit.\n");
  expect(await broker.run(["tx", "rollback", kept])).toMatchObject({
    code: 1,
    err: expect.stringContaining("TRANSACTION_ENDED"),
  });
  expect(await broker.run(["tx", "commit", dropped.replace(/^..../, "FFFF")])).toMatchObject({ code: 4, out: "" });
});

test("of several, one that cannot be ended leaves the others", async () => {
  const [one, two] = [await begin("one", "several"), await begin("two", "several")];
  const { code, out, err } = await broker.run(["tx", "commit", one, "nonsense", two, "--json"]);
  expect(code).toBe(3);
  expect(documents(out)).toMatchObject([
    { transactionId: one, state: "COMMITTED" },
    { transactionId: "nonsense", status: "error" },
    { transactionId: two, state: "COMMITTED" },
  ]);
  expect(err).toMatch(/apogee: nonsense: .*\n2 of 3 were done\.\n$/);
  expect(await broker.run(["tx", "rollback", one, two])).toMatchObject({
    code: 2,
    err: "apogee: The messages of 2 transactions will be dropped. There is nobody to ask: --yes confirms it.\n",
  });
  expect(await broker.run(["tx", "rollback", one, two, "--yes"])).toMatchObject({ code: 1, out: "" });
});

test("checks are shown, each once", async () => {
  const asked = await begin("did it happen?", "asked", 1);
  const { code, out, err } = await broker.run(["tx", "check", "asked", "--wait", "20s"]);
  expect(code).toBe(0);
  expect(out).toMatch(new RegExp(`^${asked}  check 1  ${asked}  transfers  \\S+Z\ndid it happen\\?\n$`));
  expect(err).toMatch(/^Each check is handed out once: /);
  expect(await broker.run(["tx", "check", "asked"])).toEqual({ code: 0, out: "", err: "There are no checks for asked.\n" });
});

test("a discarded transaction is ended only where that is said", async () => {
  // A broker that discards takes half a minute; what counts is what it is asked.
  const asked: string[] = [];
  const stub = createServer(({ url = "" }, response) => {
    asked.push(url);
    response.setHeader("content-type", "application/json").end('{"state":"COMMITTED"}');
  });
  await once(stub.listen(0), "listening");
  const environment = { APOGEE_ENDPOINT: `http://localhost:${(stub.address() as AddressInfo).port}` };
  for (const options of [[], ["--discarded"]])
    expect(await broker.run(["tx", "commit", "T1", ...options], { environment })).toMatchObject({ code: 0 });
  stub.close();
  expect(asked).toEqual(["/v1/transactions/T1/commit", "/v1/transactions/T1/commit?discarded=true"]);
});
