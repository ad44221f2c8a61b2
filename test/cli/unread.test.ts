import { expect, test } from "vitest";
import { Apogee } from "../../client/apogee.ts";
import { brokerForTests, ended, spawnCli } from "./run-cli.ts";

const broker = brokerForTests();

/** Runs a verb whose output nobody reads. */
function runUnread(...args: string[]) {
  const child = spawnCli(args, { environment: { APOGEE_ENDPOINT: broker.url } });
  child.stdout?.destroy();
  return ended(child);
}

test("who reads the output may leave: what only shows something ends", async () => {
  await broker.json("topic", "create", "seen", "--queues", "1");
  await broker.json("subscribe", "create", "viewers", "seen");
  await broker.json("send", "seen", "x");
  for (const args of [
    ["topic", "ls"],
    ["tail", "seen", "--since", "1h"],
    ["lag", "--watch", "1"],
  ])
    expect(await runUnread(...args)).toMatchObject({ code: 0, err: "" });
  expect(await runUnread("receive", "viewers", "--ack")).toMatchObject({ code: 0, err: "" });
  // What nobody has seen is not acknowledged.
  expect(await broker.json("lag", "viewers")).toMatchObject([{ lag: 1, inFlight: 1 }]);
});

test("who reads the output may leave: what changes something goes on, and ends by what became of it", async () => {
  await broker.json("topic", "create", "many", "--queues", "1");
  const sent = await runUnread("send", "many", "x", "--count", "2500");
  expect(sent).toMatchObject({ code: 0, err: "2500 messages were sent to many.\n" });
  expect(await broker.json("read", "many")).toHaveLength(2_500);

  await broker.json("topic", "create", "transfers", "--type", "TRANSACTION");
  const begin = async () => {
    const { transactionId } = await new Apogee({ endpoint: broker.url }).call("post", "/v1/topics/{topic}/transactions", {
      path: { topic: "transfers" },
      body: { body: "x", producerGroup: "ledger" },
    });
    return transactionId;
  };
  const committed = await runUnread("tx", "commit", await begin(), "nonsense", await begin());
  expect(committed).toMatchObject({ code: 3, err: expect.stringMatching(/\n2 of 3 were done\.\n$/) });
  expect(await broker.json("tx", "ls")).toMatchObject([{ state: "COMMITTED" }, { state: "COMMITTED" }]);
});
