import { expect, it } from "vitest";
import { LeaseLost } from "../../client/index.ts";
import { eventually, gate, type Wired, wired } from "./wire.ts";

async function open(leaseSeconds = 60): Promise<Wired> {
  const world = await wired();
  await world.apogee.topic("t").put({ queues: 1 });
  await world.apogee.group("g").put({ leaseSeconds, backoff: [0] });
  await world.apogee.group("g").subscribe("t", { startFrom: "earliest" });
  return world;
}

const extensions = ({ wire }: Wired): number => wire.sent.flatMap(({ body }) => body?.extends ?? []).length;
const quiet = { onError: () => undefined, handleSignals: false };

it("extends a lease when two thirds of it are over, for as long as the handler takes", async () => {
  await using world = await open();
  await world.apogee.topic("t").send("a");
  const { opened, open: finish } = gate();
  let signal: AbortSignal | undefined;
  let began = 0;
  await using _ = world.apogee.consumer("g").run(async (_, context) => {
    signal = context.signal;
    began++;
    await opened;
  }, quiet);
  await eventually(() => expect(began).toBe(1));
  await world.clock.advance(38);
  expect(extensions(world)).toBe(0);
  await world.clock.advance(3);
  await eventually(() => expect(extensions(world)).toBe(1));
  for (let more = 2; more < 6; more++) {
    await world.clock.advance(42);
    await eventually(() => expect(extensions(world)).toBe(more));
  }
  expect(signal?.aborted).toBe(false);
  finish();
  await eventually(async () => expect((await world.apogee.group("g").lag()).lag).toBe(0));
  await world.clock.advance(300);
  expect(began).toBe(1);
  expect(extensions(world)).toBe(5);
});

it("extends no lease beyond the longest", async () => {
  await using world = await open();
  await world.apogee.topic("t").send("a");
  const reasons: unknown[] = [];
  const errors: unknown[] = [];
  await using _ = world.apogee.consumer("g").run(
    async ({ attempt }, { signal }) => {
      if (attempt > 1) return;
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      reasons.push(signal.reason);
      throw signal.reason;
    },
    { ...quiet, concurrency: 1, maxLeaseSeconds: 60, onError: (error) => errors.push(error) },
  );
  await eventually(() => expect(world.wire.count("/receive")).toBeGreaterThan(0));
  await world.clock.advance(0);
  await world.clock.advance(41);
  await eventually(() => expect(extensions(world)).toBe(1));
  for (let at = 0; at < 3; at++) await world.clock.advance(21);
  await eventually(() => expect(reasons[0]).toBeInstanceOf(LeaseLost));
  expect(extensions(world)).toBe(1);
});

it("aborts the handler when its lease is lost, and does not give back what another has", async () => {
  await using world = await open(30);
  await world.apogee.topic("t").send("a");
  const aborted = gate();
  const errors: unknown[] = [];
  let began = 0;
  await using _ = world.apogee.consumer("g").run(
    async (_, { signal }) => {
      if (++began > 1) return;
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
      aborted.open();
      throw signal.reason;
    },
    { ...quiet, onError: (error) => errors.push(error) },
  );
  await eventually(() => expect(began).toBe(1));
  world.wire.fail("/settle", "refused", 99);
  for (let at = 0; at < 8; at++) await world.clock.advance(5);
  await aborted.opened;
  world.wire.mend();
  await eventually(() => expect(began).toBe(2));
  await eventually(async () => expect((await world.apogee.group("g").lag()).lag).toBe(0));
  expect(errors.some((error) => error instanceof LeaseLost)).toBe(true);
  expect(world.wire.sent.flatMap(({ body }) => body?.nacks ?? [])).toEqual([]);
});

it("tries an extension again while the lease runs", async () => {
  await using world = await open();
  await world.apogee.topic("t").send("a");
  const { opened, open: finish } = gate();
  let signal: AbortSignal | undefined;
  await using _ = world.apogee.consumer("g").run(async (_, context) => {
    signal = context.signal;
    await opened;
  }, quiet);
  await eventually(() => expect(signal).toBeDefined());
  world.wire.fail("/settle", "refused");
  await world.clock.advance(42);
  await eventually(() => expect(extensions(world)).toBe(1));
  await world.clock.advance(8);
  await eventually(() => expect(extensions(world)).toBe(2));
  await world.clock.advance(30);
  expect(signal?.aborted).toBe(false);
  finish();
});

it("extends while an ack hangs", async () => {
  await using world = await open();
  await world.apogee.topic("t").sendBatch([{ body: "quick" }, { body: "slow" }]);
  const { opened, open: finish } = gate();
  let signal: AbortSignal | undefined;
  world.wire.fail("/settle", "hangs");
  const worker = world.apogee.consumer("g").run(
    async (message, context) => {
      if (message.text() === "quick") return;
      signal = context.signal;
      await opened;
    },
    { ...quiet, drainSeconds: 0 },
  );
  await eventually(() => expect(world.wire.count("/settle")).toBe(1));
  await world.clock.advance(42);
  await eventually(() => expect(extensions(world)).toBeGreaterThan(0));
  await world.clock.advance(30);
  expect(signal?.aborted).toBe(false);
  finish();
  await worker.stop();
});

it("leaves a handler alone that has settled its message by hand", async () => {
  await using world = await open();
  await world.apogee.topic("t").send("a");
  const { opened, open: finish } = gate();
  const errors: unknown[] = [];
  let signal: AbortSignal | undefined;
  await using _ = world.apogee.consumer("g").run(
    async (message, context) => {
      await message.ack();
      signal = context.signal;
      await opened;
    },
    { ...quiet, onError: (error) => errors.push(error) },
  );
  await eventually(() => expect(signal).toBeDefined());
  for (let at = 0; at < 6; at++) await world.clock.advance(30);
  expect(extensions(world)).toBe(0);
  expect(signal?.aborted).toBe(false);
  expect(errors).toEqual([]);
  finish();
});

it("extends by hand, for a handler that knows that it takes long", async () => {
  await using world = await open(30);
  await world.apogee.topic("t").send("a");
  const { opened, open: finish } = gate();
  let isExtended = false;
  await using _ = world.apogee.consumer("g").run(async (_, context) => {
    await context.extend(600);
    isExtended = true;
    await opened;
  }, quiet);
  await eventually(() => expect(isExtended).toBe(true));
  await world.clock.advance(390);
  expect(extensions(world)).toBe(1);
  await world.clock.advance(20);
  await eventually(() => expect(extensions(world)).toBe(2));
  finish();
});

it("counts a lease from when it began, where the answer came by a repeat", async () => {
  await using world = await open();
  await world.apogee.topic("t").send("a");
  const { opened, open: finish } = gate();
  world.wire.fail("/receive", async (pass) => {
    // The broker hands the message out now, and the client hears of it half a minute later.
    await pass();
    await world.clock.advance(35);
    throw new TypeError("fetch failed");
  });
  let signal: AbortSignal | undefined;
  await using _ = world.apogee.consumer("g").run(async (_, context) => {
    signal = context.signal;
    await opened;
  }, quiet);
  await eventually(() => expect(signal).toBeDefined());
  await world.clock.advance(18);
  await eventually(() => expect(extensions(world)).toBe(1));
  await world.clock.advance(30);
  expect(signal?.aborted).toBe(false);
  finish();
});
