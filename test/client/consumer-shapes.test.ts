import { expect, it } from "vitest";
import { Reject } from "../../client/index.ts";
import { eventually, failure, gate, schemaOf, type Wired, wired } from "./wire.ts";

async function open(group: Record<string, unknown> = {}): Promise<Wired> {
  const world = await wired();
  await world.apogee.topic("t").put({ queues: 1 });
  await world.apogee.group("g").put(group);
  await world.apogee.group("g").subscribe("t", { startFrom: "earliest" });
  return world;
}

const send = ({ apogee }: Wired, count: number) =>
  apogee.topic("t").sendBatch(Array.from({ length: count }, (_, at) => ({ body: at })));
const lag = async ({ apogee }: Wired) => (await apogee.group("g").lag()).lag;
const quiet = { onError: () => undefined, handleSignals: false };

it("hands over batches, and acks what the handler did not settle by hand", async () => {
  await using world = await open({ backoff: [600] });
  await send(world, 10);
  const sizes: number[] = [];
  await using _ = world.apogee.consumer("g").eachBatch(
    async (messages) => {
      sizes.push(messages.length);
      for (const message of messages) {
        if (message.json() === 2) await message.nack({ reason: "later" });
        if (message.json() === 3) await message.deadLetter("never");
      }
    },
    { ...quiet, maxMessages: 4 },
  );
  await eventually(async () => expect(await lag(world)).toBe(1));
  expect(Math.max(...sizes)).toBe(4);
  expect((await world.apogee.group("g").deadLetters()).items).toMatchObject([{ body: "3", reason: "never" }]);
});

it("gives back what was not settled of a batch that failed", async () => {
  await using world = await open({ backoff: [0] });
  await send(world, 6);
  const seen: [unknown, number][] = [];
  await using _ = world.apogee.consumer("g").eachBatch(async (messages) => {
    seen.push(...messages.map((message): [unknown, number] => [message.json(), message.attempt]));
    if (seen.length > 6) return;
    for (const message of messages.slice(0, 4)) await message.ack();
    throw new Error("the fifth failed");
  }, quiet);
  await eventually(async () => expect(await lag(world)).toBe(0));
  expect(seen.slice(6)).toEqual([
    [4, 2],
    [5, 2],
  ]);
});

it("dead-letters what was not settled of a batch that is rejected", async () => {
  await using world = await open();
  await send(world, 3);
  await using _ = world.apogee.consumer("g").eachBatch(async (messages) => {
    await messages[0]?.ack();
    throw new Reject("nobody wants them");
  }, quiet);
  await eventually(async () =>
    expect((await world.apogee.group("g").deadLetters()).items.map(({ body }) => body)).toEqual(["1", "2"]),
  );
});

it("has no more batches than handlers, however few messages they have", async () => {
  await using world = await open();
  const { opened, open: finish } = gate();
  let begun = 0;
  await using _ = world.apogee.consumer("g").eachBatch(
    async () => {
      begun++;
      await opened;
    },
    { ...quiet, concurrency: 2 },
  );
  for (let at = 1; at <= 2; at++) {
    await send(world, 1);
    await eventually(() => expect(begun).toBe(at));
  }
  await send(world, 3);
  await world.clock.advance(1);
  expect(await world.apogee.consumer("g").receive({ max: 10 })).toHaveLength(3);
  finish();
});

it("loops over messages, and acks each when the next is asked for", async () => {
  await using world = await open();
  await send(world, 5);
  const seen: unknown[] = [];
  const stopping = new AbortController();
  for await (const message of world.apogee.consumer("g").messages({ signal: stopping.signal })) {
    seen.push(message.json());
    if (seen.length === 5) stopping.abort();
  }
  expect(seen).toEqual([0, 1, 2, 3, 4]);
  expect(await lag(world)).toBe(0);
});

it.each(["break", "throw"])(
  "gives back the message at which a loop is left by %s, and at once what it had not come to",
  async (by) => {
    await using world = await open({ backoff: [0] });
    await send(world, 10);
    const loop = async (): Promise<void> => {
      for await (const message of world.apogee.consumer("g").messages({ prefetch: 9 })) {
        if (message.json() !== 2) continue;
        if (by === "throw") throw new Error("the loop failed");
        break;
      }
    };
    if (by === "throw") expect(await failure(loop())).toMatchObject({ message: "the loop failed" });
    else await loop();
    const left = await world.apogee.consumer("g").receive({ max: 32 });
    expect(left.map((message) => [message.json(), message.attempt]).sort()).toEqual(
      [2, 3, 4, 5, 6, 7, 8, 9].map((at) => [at, at === 2 ? 2 : 1]),
    );
  },
);

it("lets a loop settle by hand", async () => {
  await using world = await open({ backoff: [600] });
  await send(world, 2);
  for await (const message of world.apogee.consumer("g").messages()) {
    if (message.json() === 0) await message.deadLetter("by hand");
    else {
      await message.ack();
      break;
    }
  }
  expect(await lag(world)).toBe(0);
  expect((await world.apogee.group("g").deadLetters()).items).toHaveLength(1);
});

it("throws in a loop over the messages of a group that does not exist", async () => {
  await using world = await open();
  const loop = async (): Promise<void> => {
    for await (const _ of world.apogee.consumer("nope").messages()) throw new Error("There are none.");
  };
  expect(await failure(loop())).toMatchObject({ code: "CONSUMER_GROUP_NOT_FOUND" });
});

it("receives once", async () => {
  await using world = await open();
  await send(world, 3);
  const consumer = world.apogee.consumer("g");
  const messages = await consumer.receive({ max: 2, leaseSeconds: 10 });
  expect(messages.map((message) => message.json())).toEqual([0, 1]);
  const [first, second] = messages as [(typeof messages)[0], (typeof messages)[0]];
  expect(first.isSettled).toBe(false);
  await first.ack();
  await first.ack();
  expect(first.isSettled).toBe(true);
  await second.extend("1m");
  await world.clock.advance(30);
  await second.nack({ delay: 0 });
  expect(await failure(second.extend(10))).toMatchObject({ code: "LEASE_LOST", status: 200, retryable: false });
  const waiting = consumer.receive({ max: 10, waitSeconds: 20 });
  expect((await waiting).map((message) => message.json())).toEqual([1, 2]);
});

it("shortens a lease where it is asked to, and settles until it ends", async () => {
  await using world = await open();
  await send(world, 2);
  const consumer = world.apogee.consumer("g");
  const [first, second] = await consumer.receive({ max: 2, leaseSeconds: 600 });
  await first?.extend(10, { mayShorten: true, countAttempt: false });
  await second?.extend(10, { mayShorten: true });
  await world.clock.advance(5);
  await second?.ack();
  await world.clock.advance(6);
  expect(await consumer.receive({ max: 2 })).toMatchObject([{ messageId: first?.messageId, attempt: 1 }]);
});

it("receives until its signal aborts, with the signal's reason", async () => {
  await using world = await open();
  const reason = new Error("enough");
  const stopping = new AbortController();
  const waiting = failure(world.apogee.consumer("g").receive({ waitSeconds: 20, signal: stopping.signal }));
  await eventually(() => expect(world.wire.count("/receive")).toBe(1));
  stopping.abort(reason);
  expect(await waiting).toBe(reason);
});

it("drops what arrives when its lease is over", async () => {
  await using world = await open({ leaseSeconds: 5 });
  await send(world, 1);
  world.wire.fail("/receive", async (pass) => {
    const late = await (await pass()).json();
    await world.clock.advance(8);
    return Response.json(late, { headers: { date: new Date(world.clock.now()).toUTCString() } });
  });
  expect(await world.apogee.consumer("g").receive()).toEqual([]);
});

it("takes the lease from the answer of a broker whose clock is another", async () => {
  await using world = await open();
  await send(world, 1);
  const HOUR_MS = 3_600_000;
  world.wire.fail("/receive", async (pass) => {
    const { messages } = (await (await pass()).json()) as { messages: { leaseUntil: string }[] };
    const behind = messages.map((message) => ({
      ...message,
      leaseUntil: new Date(Date.parse(message.leaseUntil) - HOUR_MS).toISOString(),
    }));
    return Response.json({ messages: behind }, { headers: { date: new Date(world.clock.now() - HOUR_MS).toUTCString() } });
  });
  const [message] = await world.apogee.consumer("g").receive();
  const leftMs = message!.leaseUntilMs - world.clock.now();
  expect(leftMs).toBeGreaterThan(58_000);
  expect(leftMs).toBeLessThan(61_100);
});

it.each(["run", "eachBatch"] as const)("hands to %s what the schema accepts, and settles the rest", async (shape) => {
  await using world = await open({ backoff: [0] });
  await send(world, 4);
  let failures = 0;
  const schema = schemaOf((id) => {
    if (id === 1) return { issues: [{ message: "there is no 1" }] };
    if (id === 2 && failures++ === 0) throw new Error("the register is away");
    return { value: id as number };
  });
  const seen: number[] = [];
  const consumer = world.apogee.consumer("g", { schema });
  await using _ =
    shape === "run"
      ? consumer.run((message) => void seen.push(message.json()), quiet)
      : consumer.eachBatch((messages) => void seen.push(...messages.map((message) => message.json())), quiet);
  await eventually(async () => expect(await lag(world)).toBe(0));
  expect(seen).toEqual([0, 3, 2]);
  const { items } = await world.apogee.group("g").deadLetters();
  expect(items).toMatchObject([{ body: "1", reason: "The body is not what the schema wants: there is no 1." }]);
});
