import { expect, it } from "vitest";
import { failure, type Wired, wired } from "./wire.ts";

async function open(): Promise<Wired> {
  const world = await wired();
  await world.apogee.topic("t").put({ queues: 1 });
  await world.apogee.group("g").put();
  await world.apogee.group("g").subscribe("t", { startFrom: "earliest" });
  return world;
}

it("makes, changes and deletes topics", async () => {
  await using world = await open();
  const topic = world.apogee.topic("other");
  expect(await topic.put({ queues: 2 })).toMatchObject({ name: "other", queues: 2 });
  expect(await topic.patch({ retentionHours: 5 })).toMatchObject({ retentionHours: 5 });
  expect(await topic.get()).toMatchObject({ queues: 2, retentionHours: 5 });
  await topic.delete();
  expect(await failure(topic.get())).toMatchObject({ code: "TOPIC_NOT_FOUND" });
});

it("makes, pauses, resets and deletes groups", async () => {
  await using world = await open();
  const group = world.apogee.group("g");
  expect(await group.patch({ leaseSeconds: 5 })).toMatchObject({ leaseSeconds: 5 });
  expect(await group.pause()).toMatchObject({ paused: true });
  expect(await group.resume()).toMatchObject({ paused: false });
  await world.apogee.topic("t").send("a");
  expect(await group.lag()).toMatchObject({ lag: 1 });
  expect(await group.reset({ topic: "t", to: "latest" })).toEqual({ queues: [{ queueId: 0, before: "0", after: "1" }] });
  expect((await group.get()).subscriptions).toHaveLength(1);
  await group.unsubscribe("t");
  expect((await group.get()).subscriptions).toHaveLength(0);
  await group.delete();
  expect(await failure(group.get())).toMatchObject({ code: "CONSUMER_GROUP_NOT_FOUND" });
});

it("commits how far a reader has come, for a group and for a client of its own", async () => {
  await using world = await open();
  const group = world.apogee.group("g");
  await world.apogee.topic("t").send("a");
  expect(await group.commit("t", 0, { offset: "1" })).toEqual({ offset: "1" });
  expect((await group.offsets({ topic: "t" })).items).toMatchObject([{ topic: "t", queueId: 0, offset: "1", lag: 0 }]);
  expect(await failure(group.commit("t", 0, { offset: "0" }))).toMatchObject({ code: "PRECONDITION_FAILED" });
  expect(await failure(group.commit("t", 0, { offset: "1", clientId: "c", generation: 1 }))).toMatchObject({
    code: "STALE_GENERATION",
  });
  await group.commit("t", 0, { offset: "1", clientId: "c", messageModel: "BROADCASTING" });
  expect((await group.offsets({ clientId: "c" })).items).toMatchObject([{ offset: "1" }]);
});

it("redrives dead letters, at once and as a job, and purges them", async () => {
  await using world = await open();
  const group = world.apogee.group("g");
  await world.apogee.topic("t").sendBatch(Array.from({ length: 6 }, (_, at) => ({ body: at })));
  for (const message of await world.apogee.consumer("g").receive()) await message.deadLetter("broken");
  const { items } = await group.deadLetters({ limit: 1 });
  expect(await group.redrive({ ids: [items[0]!.id] })).toMatchObject({ state: "DONE", moved: 1 });
  const job = (await group.redrive({ ratePerSecond: 1 })) as { jobId: string; state: string };
  expect(job.state).toBe("RUNNING");
  expect(await group.redriveJob(job.jobId)).toMatchObject({ jobId: job.jobId });
  const { purged } = await group.purge();
  expect(purged).toBeGreaterThan(0);
  expect((await group.deadLetters()).items).toEqual([]);
});
