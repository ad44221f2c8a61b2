import { once } from "node:events";
import { beforeAll, expect, test } from "vitest";
import { brokerForTests, documents, ended, spawnCli } from "./run-cli.ts";

const broker = brokerForTests();

beforeAll(async () => {
  await broker.json("topic", "create", "orders", "--queues", "2");
  await broker.json("subscribe", "create", "billing", "orders");
  await broker.json("send", "orders", "hello", "--count", "10");
});

test("the lag of all groups, and of one by topic and queue", async () => {
  await broker.json("group", "create", "idle");
  expect(await broker.json("lag")).toMatchObject([
    { name: "billing", lag: 10, inFlight: 0, lagComplete: true },
    { name: "idle", lag: 0, oldestUnackedAt: null },
  ]);
  const [lag] = await broker.json("lag", "billing");
  expect(lag).toMatchObject({ group: "billing", lag: 10, topics: [{ topic: "orders", lag: 10 }] });
  expect(lag).not.toHaveProperty("nextCursor");
  const { out } = await broker.run(["lag", "billing"]);
  const [heading, ...rows] = out.trimEnd().split("\n");
  expect(heading).toMatch(/^TOPIC +QUEUE +LAG +IN FLIGHT +UNREADABLE +OLDEST +NEXT +END$/);
  expect(rows).toHaveLength(3);
  expect(rows.map((row) => row.split(/ +/)[0])).toEqual(["orders", "orders", "all"]);
  expect(rows[2]).toMatch(/^all +10 +0 +0 +\d+s +- +-$/);
  expect((await broker.run(["lag"])).out).toMatch(/^GROUP .*\nbilling +10 +0 +0 +\d+s +0 +no\nidle +0 +0 +0 +- +0 +no\n$/);
  expect(await broker.run(["lag", "nobody"])).toMatchObject({ code: 4, out: "" });
  expect(await broker.run(["lag", "--watch", "0"])).toMatchObject({ code: 2, out: "" });
});

test("a group with more queues than one answer has is shown whole", async () => {
  for (const topic of ["wide-1", "wide-2", "wide-3"]) {
    await broker.json("topic", "create", topic, "--queues", "256");
    await broker.json("subscribe", "create", "wide", topic);
    await broker.json("send", topic, "hello");
  }
  const [lag] = await broker.json<{ lag: number; topics: readonly { queues: readonly unknown[] }[] }>("lag", "wide");
  expect(lag?.lag).toBe(3);
  expect(lag?.topics.map(({ queues }) => queues.length)).toEqual([256, 256, 256]);
  expect(await broker.json("lag")).toEqual(
    expect.arrayContaining([expect.objectContaining({ name: "wide", lag: 3, lagComplete: true })]),
  );
  for (const topic of ["wide-1", "wide-2", "wide-3"]) await broker.json("topic", "rm", topic, "--yes");
});

/** What a verb has written once it has so many lines; then Ctrl-C ends it. */
async function watched(lines: number, ...args: string[]) {
  const child = spawnCli(args, { environment: { APOGEE_ENDPOINT: broker.url } });
  const end = ended(child);
  let out = "";
  child.stdout?.on("data", (chunk) => (out += chunk));
  while (out.split("\n").length <= lines) await once(child.stdout as NodeJS.ReadableStream, "data");
  child.kill("SIGINT");
  return end;
}

test("a watch shows the lag again and again, and Ctrl-C is its proper end", async () => {
  const { code, out, err } = await watched(2, "lag", "billing", "--watch", "50ms", "--json");
  expect({ code, err }).toEqual({ code: 0, err: "" });
  const looks = documents<{ at: string; lag: number }>(out);
  expect(looks.every(({ lag }) => lag === 10)).toBe(true);
  const times = looks.map(({ at }) => Date.parse(at));
  expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(45);
  const blocks = await watched(8, "lag", "billing", "--watch", "50ms");
  expect(blocks).toMatchObject({ code: 0, err: "" });
  expect(blocks.out.match(/^TOPIC/gm)?.length).toBeGreaterThanOrEqual(2);
  expect(blocks.out).toContain("\n\nTOPIC");
  expect(blocks.out).not.toContain("\u001b");
});

test("a group is moved to another place, queue by queue", async () => {
  const moved = (...options: string[]) =>
    broker.json<{ queueId: number; before: string; after: string }>("reset", "billing", "orders", "--yes", ...options);
  const [first, second] = await broker.json<{ after: string }>("reset", "billing", "orders", "--to", "latest", "--dry-run");
  expect(first).toMatchObject({ queueId: 0, before: "0" });
  // A dry run has changed nothing.
  expect(await broker.json("lag", "billing")).toMatchObject([{ lag: 10 }]);
  expect(await moved("--to", "latest")).toEqual([first, second]);
  expect(await broker.json("lag", "billing")).toMatchObject([{ lag: 0 }]);
  // A batch goes to one queue, so the other may be empty.
  const filled = Number(first?.after) > 0 ? 0 : 1;
  expect(await moved("--to", "offset:1", "--queue", `${filled}`)).toMatchObject([{ queueId: filled, after: "1" }]);
  const back = await moved("--to", "earliest");
  expect(back).toMatchObject([{ after: "0" }, { after: "0" }]);
  expect(back[filled]).toMatchObject({ before: "1" });
  // All were sent within the last hour, and none after now.
  expect(await moved("--to", "1h")).toMatchObject([{ after: "0" }, { after: "0" }]);
  const later = new Date(Date.now() + 3_600_000).toISOString();
  const ends = await moved("--to", later);
  const lasts = await moved("--to", later, "--upper");
  // The last message of each queue that has one.
  expect(lasts.map(({ after }) => Number(after))).toEqual(ends.map(({ after }) => Math.max(Number(after) - 1, 0)));
  expect(ends.some(({ after }) => Number(after) > 0)).toBe(true);
  const { out, err } = await broker.run(["reset", "billing", "orders", "--to", "earliest", "--dry-run"]);
  expect(out).toMatch(/^QUEUE {2}BEFORE {2}AFTER {2}CHANGE\n {4}0 +\d+ +0 +(-\d+|0)\n {4}1 +\d+ +0 +(-\d+|0)\n$/);
  expect(err).toBe("Nothing was changed.\n");
});

test("a reset is asked about, and refused where it is none", async () => {
  await broker.json("reset", "billing", "orders", "--to", "earliest", "--yes");
  expect(await broker.run(["reset", "billing", "orders", "--to", "latest"])).toEqual({
    code: 2,
    out: "",
    err: "apogee: billing will skip 10 messages of orders and get 0 again, and its messages in flight there are taken from their consumers. There is nobody to ask: --yes confirms it.\n",
  });
  expect(await broker.run(["reset", "billing", "orders", "--to", "soon"])).toMatchObject({ code: 2, out: "" });
  expect(await broker.run(["reset", "billing", "orders"])).toMatchObject({ code: 2, out: "" });
  expect(await broker.run(["reset", "billing", "orders", "--to", "latest", "--upper", "--yes"])).toMatchObject({ code: 2 });
  expect(await broker.run(["reset", "billing", "nothing", "--to", "latest", "--yes"])).toMatchObject({ code: 4 });
  expect(await broker.run(["reset", "billing", "orders", "--to", "offset:99", "--yes"])).toMatchObject({
    code: 1,
    err: expect.stringContaining("OFFSET_ILLEGAL"),
  });
});
