import { beforeAll, expect, test } from "vitest";
import { brokerForTests, documents } from "./run-cli.ts";

const broker = brokerForTests();

interface Scheduled {
  readonly messageId: string;
  readonly recallHandle: string;
  readonly deliverAt: string;
}

beforeAll(async () => {
  await broker.json("topic", "create", "reminders", "--type", "DELAY", "--queues", "1");
  await broker.json("subscribe", "create", "mailer", "reminders");
});

const send = async (delay: string) =>
  (await broker.json<Scheduled>("send", "reminders", delay, "--delay", delay))[0] as Scheduled;

test("messages that wait are listed by their due times, moved and cancelled", async () => {
  const late = await send("3h");
  const early = await send("1h");
  expect((await broker.json<Scheduled>("scheduled", "ls", "reminders")).map(({ messageId }) => messageId)).toEqual([
    early.messageId,
    late.messageId,
  ]);
  const table = await broker.run(["scheduled", "ls", "reminders", "--limit", "1"]);
  expect(table.out).toMatch(new RegExp(`^DUE +SENT +MESSAGE +HANDLE\n${early.deliverAt} +\\S+Z +${early.messageId} +\\S+\n$`));
  expect(table.err).toBe("These are the first 1. For more: --limit.\n");
  const at = "2030-01-31T12:00:00.000Z";
  expect(await broker.json("scheduled", "move", "reminders", early.recallHandle, "--at", at)).toMatchObject([{ deliverAt: at }]);
  const [moved] = await broker.json<Scheduled>("scheduled", "move", "reminders", late.recallHandle, "--delay", "2h");
  expect(Math.abs(Date.parse(moved?.deliverAt ?? "") - Date.now() - 7_200_000)).toBeLessThan(60_000);
  expect(await broker.json("scheduled", "ls", "reminders")).toMatchObject([{ messageId: late.messageId }, { deliverAt: at }]);
  // Now.
  await broker.json("scheduled", "move", "reminders", late.recallHandle, "--delay", "0");
  expect(await broker.json("receive", "mailer", "--wait", "20s", "--ack")).toMatchObject([{ body: "3h" }]);
  expect(await broker.run(["scheduled", "cancel", "reminders", late.recallHandle])).toMatchObject({
    code: 1,
    out: "",
    err: expect.stringContaining("ALREADY_DELIVERED"),
  });
  expect(await broker.json("scheduled", "cancel", "reminders", early.recallHandle)).toEqual([
    { recallHandle: early.recallHandle, cancelled: true },
  ]);
  expect(await broker.run(["scheduled", "ls", "reminders"])).toMatchObject({
    code: 0,
    out: "",
    err: "No message of reminders waits for its time.\n",
  });
  for (const wrong of [[], ["--at", at, "--delay", "1h"]])
    expect(await broker.run(["scheduled", "move", "reminders", early.recallHandle, ...wrong])).toMatchObject({ code: 2 });
});

test("several are cancelled once that is confirmed, and one that cannot be leaves the others", async () => {
  const [one, other] = [await send("4h"), await send("5h")];
  const handles = [one.recallHandle, "nonsense", other.recallHandle];
  expect(await broker.run(["scheduled", "cancel", "reminders", ...handles])).toMatchObject({
    code: 2,
    err: "apogee: 3 messages of reminders will never be delivered. There is nobody to ask: --yes confirms it.\n",
  });
  const { code, out, err } = await broker.run(["scheduled", "cancel", "reminders", ...handles, "--yes", "--json"]);
  expect(code).toBe(3);
  expect(documents(out)).toMatchObject([
    { recallHandle: one.recallHandle, cancelled: true },
    { recallHandle: "nonsense", status: "error", code: expect.any(String), detail: expect.any(String) },
    { recallHandle: other.recallHandle, cancelled: true },
  ]);
  expect(err).toMatch(/apogee: nonsense: .*\n2 of 3 were done\.\n$/);
  expect(await broker.json("scheduled", "ls", "reminders")).toEqual([]);
});
