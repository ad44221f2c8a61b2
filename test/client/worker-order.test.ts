import { expect, it } from "vitest";
import { type ReceivedMessage, Reject } from "../../client/index.ts";
import { eventually, gate, schemaOf, type Wired, wired } from "./wire.ts";

async function open(type: "FIFO" | "MIXED" | "NORMAL" = "FIFO", group: Record<string, unknown> = {}, queues = 2): Promise<Wired> {
  const world = await wired();
  await world.apogee.topic("t").put({ type, queues });
  await world.apogee.group("g").put({ backoff: [0], ...group });
  await world.apogee.group("g").subscribe("t", { startFrom: "earliest" });
  return world;
}

const sendGroups = ({ apogee }: Wired, groups: readonly string[], each: number) =>
  apogee
    .topic("t")
    .sendBatch(
      Array.from({ length: each }, (_, at) =>
        groups.map((messageGroup) => ({ body: `${messageGroup}${at}`, messageGroup })),
      ).flat(),
    );
const drained = async ({ apogee }: Wired) => expect((await apogee.group("g").lag()).lag).toBe(0);
const run = async (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));

it("handles the messages of a group one after the other, and groups side by side", async () => {
  await using world = await open();
  await sendGroups(world, ["a", "b", "c"], 20);
  const atWork = new Set<string>();
  const seen: string[] = [];
  let side = 0;
  await using _ = world.apogee.consumer("g").run(async (message) => {
    const group = message.messageGroup as string;
    expect(atWork.has(group)).toBe(false);
    atWork.add(group);
    side = Math.max(side, atWork.size);
    await run();
    seen.push(message.text());
    atWork.delete(group);
  });
  await eventually(() => drained(world));
  for (const group of ["a", "b", "c"])
    expect(seen.filter((text) => text.startsWith(group))).toEqual(Array.from({ length: 20 }, (_, at) => `${group}${at}`));
  expect(side).toBeGreaterThan(1);
});

it("delivers a message that failed again, and after it those behind it, in order", async () => {
  await using world = await open();
  await sendGroups(world, ["a", "b"], 8);
  const seen: string[] = [];
  let failures = 0;
  await using _ = world.apogee.consumer("g").run(
    async (message) => {
      await run();
      seen.push(message.text());
      if (message.text() === "a3" && failures++ < 2) throw new Error("not yet");
    },
    { onError: (error) => seen.push(String(error)) },
  );
  await eventually(() => drained(world));
  const ofA = seen.filter((text) => !text.startsWith("b"));
  expect(ofA).toEqual(["a0", "a1", "a2", "a3", "a3", "a3", "a4", "a5", "a6", "a7"]);
  expect(seen.filter((text) => text.startsWith("b"))).toEqual(Array.from({ length: 8 }, (_, at) => `b${at}`));
});

it("keeps the order while acks are lost, refused and late", async () => {
  await using world = await open("MIXED");
  await sendGroups(world, ["a", "b"], 15);
  for (const fault of ["lost", "refused", "lost"] as const) world.wire.fail("/settle", fault, 2, 1);
  const seen: string[] = [];
  let failures = 0;
  const handle = async (message: ReceivedMessage): Promise<void> => {
    await run();
    if (message.text() === "a7" && failures++ < 1) throw new Error("not yet");
    seen.push(message.text());
  };
  await using _ = world.apogee.consumer("g").run(handle, { onError: () => undefined });
  await eventually(() => drained(world));
  for (const group of ["a", "b"])
    expect(seen.filter((text) => text.startsWith(group))).toEqual(Array.from({ length: 15 }, (_, at) => `${group}${at}`));
});

it("goes on behind a message that was rejected", async () => {
  await using world = await open();
  await sendGroups(world, ["a"], 5);
  const seen: string[] = [];
  await using _ = world.apogee.consumer("g").run((message) => {
    seen.push(message.text());
    if (message.text() === "a2") throw new Reject("broken");
  });
  await eventually(() => drained(world));
  expect(seen).toEqual(["a0", "a1", "a2", "a3", "a4"]);
  expect((await world.apogee.group("g").deadLetters()).items.map(({ body }) => body)).toEqual(["a2"]);
});

it("keeps the order of queues for a group that is ordered", async () => {
  await using world = await open("NORMAL", { ordered: true }, 1);
  await world.apogee.topic("t").sendBatch(Array.from({ length: 20 }, (_, at) => ({ body: at })));
  const seen: number[] = [];
  let failures = 0;
  await using _ = world.apogee.consumer("g").run(async (message) => {
    await run();
    if (message.json() === 5 && failures++ === 0) throw new Error("not yet");
    seen.push(message.json() as number);
  });
  await eventually(() => drained(world));
  expect(seen).toEqual(Array.from({ length: 20 }, (_, at) => at));
});

it("gives back what waits behind a handler that a stop waits for, so that another goes on in order", async () => {
  await using world = await open();
  await sendGroups(world, ["a"], 6);
  const { opened, open: finish } = gate();
  const seen: string[] = [];
  const worker = world.apogee.consumer("g").run(async (message) => {
    seen.push(message.text());
    await opened;
  });
  await eventually(() => expect(seen).toEqual(["a0"]));
  const stopped = worker.stop();
  finish();
  await stopped;
  const attempts: number[] = [];
  await using _ = world.apogee.consumer("g").run((message) => {
    seen.push(message.text());
    attempts.push(message.attempt);
  });
  await eventually(() => drained(world));
  expect(seen).toEqual(["a0", "a1", "a2", "a3", "a4", "a5"]);
  expect(attempts).toEqual([1, 1, 1, 1, 1]);
});

it("gives nothing of a group back before the acks of what was handled have been answered", async () => {
  await using world = await open();
  await sendGroups(world, ["a"], 2);
  const ack = gate();
  const second = gate();
  world.wire.fail("/settle", (pass) => ack.opened.then(pass));
  const seen: string[] = [];
  const handle = async (message: ReceivedMessage): Promise<void> => {
    seen.push(message.text());
    if (message.text() === "a0" || seen.length > 2) return;
    await second.opened;
    throw new Error("not yet");
  };
  await using _ = world.apogee.consumer("g").run(handle, { onError: () => undefined });
  await eventually(() => expect(world.wire.count("/settle")).toBe(1));
  await eventually(() => expect(seen).toEqual(["a0", "a1"]));
  second.open();
  await world.clock.advance(0);
  // An extension does not wait for the ack that hangs, and takes along whatever else there is to settle.
  await world.clock.advance(42);
  await eventually(() => expect(world.wire.count("/settle")).toBe(2));
  const nacks = () => world.wire.sent.flatMap(({ body }) => body?.nacks ?? []);
  expect(nacks()).toEqual([]);
  ack.open();
  await eventually(() => drained(world));
  expect(nacks()).toHaveLength(1);
  expect(seen).toEqual(["a0", "a1", "a1"]);
});

it.each([true, false])(
  "hands over what came with a message given back by hand after it, waited for or not: %s",
  async (waits) => {
    await using world = await open();
    await sendGroups(world, ["a"], 5);
    const seen: string[] = [];
    const handle = async (message: ReceivedMessage): Promise<void> => {
      seen.push(message.text());
      if (message.text() !== "a1" || message.attempt > 1) return;
      const given = message.nack();
      if (waits) await given;
    };
    await using _ = world.apogee.consumer("g").run(handle);
    await eventually(() => drained(world));
    expect(seen).toEqual(["a0", "a1", "a1", "a2", "a3", "a4"]);
  },
);

it("gives back a message whose schema fails, and after it hands over those behind it", async () => {
  await using world = await open();
  const bodies = ["a0", "a1", "a2"].map((text) => ({ body: JSON.stringify(text), messageGroup: "a" }));
  await world.apogee.topic("t").sendBatch(bodies);
  let failures = 0;
  const schema = schemaOf(async (text) => {
    if (text === "a1" && failures++ < 2) throw new SyntaxError("the dictionary is away");
    return { value: text as string };
  });
  const seen: string[] = [];
  await using _ = world.apogee.consumer("g", { schema }).run((message) => void seen.push(message.json()));
  await eventually(() => drained(world));
  expect(seen).toEqual(["a0", "a1", "a2"]);
  expect(failures).toBe(3);
  expect((await world.apogee.group("g").deadLetters()).items).toEqual([]);
});
