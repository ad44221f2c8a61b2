import { expect, it } from "vitest";
import { type ReceivedMessage, Reject, type Running } from "../../client/index.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { busy, type Fault, wired } from "./wire.ts";

const GROUPS = ["a", "b", "c", "d", "e"];
const EACH = 40;

it.each([1, 2, 3, 4, 5])("loses, doubles and disorders nothing while requests fail by chance (seed %d)", async (seed) => {
  const bits = new SeededRandom(seed);
  const happens = (share: number): boolean => bits.bits() / 2 ** 32 < share;
  await using world = await wired({ retry: { baseMs: 1, maxMs: 4, maxAttempts: 50 } });
  const { apogee, wire } = world;
  await apogee.topic("t").put({ type: "FIFO", queues: 3 });
  await apogee.group("g").put({ backoff: [0], maxAttempts: 1_000 });
  await apogee.group("g").subscribe("t", { startFrom: "earliest" });
  wire.storm((): Fault | undefined => {
    if (happens(0.8)) return undefined;
    return happens(0.4) ? "lost" : happens(0.5) ? "refused" : happens(0.5) ? busy : () => new Response("<html>", { status: 502 });
  });

  const done = new Map<string, number[]>(GROUPS.map((group) => [group, []]));
  const rejected: string[] = [];
  const atWork = new Set<string>();
  const handle = async (message: ReceivedMessage): Promise<void> => {
    const group = message.messageGroup as string;
    expect(atWork.has(group)).toBe(false);
    atWork.add(group);
    await new Promise((resolve) => setTimeout(resolve, happens(0.5) ? 0 : 2));
    atWork.delete(group);
    if (happens(0.1)) throw new Error("not yet");
    const at = message.json() as number;
    done.get(group)?.push(at);
    if (at % 10 !== 9) return;
    rejected.push(`${group}${at}`);
    throw new Reject("by its number");
  };
  const work = (): Running =>
    apogee.consumer("g").run(handle, { concurrency: 4, onError: () => undefined, handleSignals: false });

  let workers = [work(), work()];
  const producer = apogee.topic("t").producer({ maxMessages: 7 });
  const sends: Promise<unknown>[] = [];
  for (let at = 0; at < EACH; at++) for (const messageGroup of GROUPS) sends.push(producer.send(at, { messageGroup }));
  await Promise.all(sends);
  // Workers come and go.
  for (let turn = 0; turn < 4; turn++) {
    await workers[turn % 2]?.stop();
    workers = workers.map((worker, index) => (index === turn % 2 ? work() : worker));
  }
  // What a worker could not give back comes when its lease ends.
  const isDone = async (): Promise<boolean> => {
    await world.clock.advance(1);
    return [...done.values()].every((list) => list.includes(EACH - 1));
  };
  await expect.poll(isDone, { timeout: 15_000, interval: 5 }).toBe(true);
  wire.mend();
  await expect.poll(async () => (await apogee.group("g").lag()).lag, { timeout: 5_000 }).toBe(0);
  await Promise.all(workers.map((worker) => worker.stop()));

  const all = Array.from({ length: EACH }, (_, at) => at);
  const stored = new Map<string, number[]>(GROUPS.map((group) => [group, []]));
  for await (const message of apogee.topic("t").read())
    stored.get(message.messageGroup as string)?.push(message.json() as number);
  for (const group of GROUPS) {
    expect(stored.get(group)).toEqual(all);
    // A message whose ack was lost may come once more: the first time of each counts.
    expect([...new Set(done.get(group))]).toEqual(all);
  }
  const letters = (await apogee.group("g").deadLetters({ limit: 1_000 })).items;
  expect(letters).toHaveLength(GROUPS.length * 4);
});
