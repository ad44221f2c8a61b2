import { expect, test } from "vitest";
import { brokerForTests } from "./run-cli.ts";

const broker = brokerForTests();

test("topics are made, listed, shown, changed and deleted", async () => {
  const [made] = await broker.json("topic", "create", "orders", "--type", "fifo", "--queues", "8");
  expect(made).toMatchObject({ name: "orders", type: "FIFO", queues: 8, retentionHours: 72 });
  expect(await broker.json("topic", "get", "orders")).toEqual([made]);
  expect(await broker.run(["topic", "create", "orders"])).toEqual({
    code: 1,
    out: "",
    err: "apogee: Topic orders is there already. To change it: apogee topic set orders\n",
  });
  expect(await broker.json("topic", "set", "orders", "--retention-hours", "24")).toMatchObject([
    { retentionHours: 24, queues: 8 },
  ]);
  expect(await broker.json("topic", "set", "orders", "--retention-hours", "default")).toMatchObject([{ retentionHours: 72 }]);
  await broker.json("topic", "create", "payments");
  expect(await broker.json("topic", "ls")).toMatchObject([{ name: "orders" }, { name: "payments" }]);
  expect(await broker.json("topic", "ls", "--prefix", "pay")).toMatchObject([{ name: "payments" }]);
  const { out } = await broker.run(["topic", "ls"]);
  expect(out).toMatch(/^NAME {6}TYPE {4}WRITE {2}READ {2}HOURS {2}PERM {2}UPDATED\norders {4}FIFO {8}8 {5}8 {5}72 {5}6 {2}2/);
  expect(await broker.json("topic", "rm", "payments", "--yes")).toEqual([{ topic: "payments", deleted: true }]);
  expect(await broker.run(["topic", "get", "payments"])).toMatchObject({ code: 4, out: "" });
});

test("groups are made, listed, shown, changed and deleted", async () => {
  const [made] = await broker.json("group", "create", "mail", "--max-attempts", "3", "--backoff", "1,5", "--ordered", "yes");
  expect(made).toMatchObject({ name: "mail", maxAttempts: 3, backoff: [1, 5], ordered: true });
  expect(await broker.json("group", "get", "mail")).toMatchObject([{ ...made, subscriptions: [] }]);
  expect(await broker.run(["group", "create", "mail"])).toMatchObject({ code: 1, out: "" });
  const exponential = '{"initialSeconds":1,"multiplier":2,"maxSeconds":60}';
  expect(await broker.json("group", "set", "mail", "--backoff", exponential, "--paused", "yes")).toMatchObject([
    { backoff: { multiplier: 2 }, paused: true, maxAttempts: 3 },
  ]);
  expect(await broker.json("group", "set", "mail", "--max-attempts", "default")).toMatchObject([{ maxAttempts: 17 }]);
  expect(await broker.json("group", "ls")).toMatchObject([{ name: "mail" }]);
  expect(await broker.json("group", "rm", "mail", "--yes")).toEqual([{ group: "mail", deleted: true }]);
  expect(await broker.run(["group", "ls"])).toMatchObject({ code: 0, out: "", err: expect.stringContaining("no groups") });
});

test("subscriptions are made, listed, shown, changed and ended", async () => {
  await broker.json("topic", "create", "events");
  expect(await broker.run(["subscribe", "create", "audit", "nothing"])).toMatchObject({ code: 4 });
  // The group was not made on the way.
  expect(await broker.run(["group", "get", "audit"])).toMatchObject({ code: 4 });
  const [made] = await broker.json("subscribe", "create", "audit", "events", "--tag", "a || b", "--from", "earliest");
  expect(made).toMatchObject({ group: "audit", topic: "events", filter: { type: "TAG", expression: "a || b" }, version: 1 });
  expect(await broker.json("subscribe", "get", "audit", "events")).toEqual([made]);
  expect(await broker.run(["subscribe", "create", "audit", "events"])).toMatchObject({ code: 1 });
  expect(await broker.json("subscribe", "set", "audit", "events", "--filter", "amount > 5")).toMatchObject([
    { filter: { type: "SQL92", expression: "amount > 5" } },
  ]);
  expect(await broker.run(["subscribe", "set", "audit", "events", "--tag", "a", "--filter", "b"])).toMatchObject({ code: 2 });
  expect(await broker.json("subscribe", "ls", "audit")).toMatchObject([{ topic: "events" }]);
  expect(await broker.run(["subscribe", "rm", "audit", "events"])).toMatchObject({
    code: 2,
    err: "apogee: audit will get no more of events, and lose 0 messages that wait and 0 in flight. There is nobody to ask: --yes confirms it.\n",
  });
  expect(await broker.json("subscribe", "rm", "audit", "events", "--yes")).toEqual([
    { group: "audit", topic: "events", deleted: true },
  ]);
  expect(await broker.json("subscribe", "ls", "audit")).toEqual([]);
});
