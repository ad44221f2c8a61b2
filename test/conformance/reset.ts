import { describe, expect, it } from "vitest";
import { type Api, uniqueName } from "../support/http/http-api.ts";
import {
  ack,
  createGroup,
  createTopic,
  eventually,
  expectProblem,
  receive,
  receiveCount,
  send,
  settle,
} from "../support/http/http-fixtures.ts";

export function resetTests(api: Api): void {
  const reset = (group: string, request: object) => api.post(`/v1/groups/${group}/offsets/reset`, request);
  /** A topic of one queue, three messages, and a group that has settled them. */
  const setUp = async () => {
    const topic = await createTopic(api, { queues: 1 });
    const group = await createGroup(api, [topic]);
    for (const body of ["0", "1", "2"]) await send(api, topic, { body });
    await ack(api, group, await receiveCount(api, group, 3));
    return { topic, group };
  };
  const bodies = async (group: string, count: number) => (await receiveCount(api, group, count)).map(({ body }) => body);

  describe("PROTOCOL 3.5 offset reset", () => {
    it("goes back to the earliest message, or to an offset", async () => {
      const { topic, group } = await setUp();
      const answer = await reset(group, { topic, to: "earliest" });
      expect(answer.status, answer.text).toBe(200);
      expect(answer.json).toEqual({ queues: [{ queueId: 0, before: "3", after: "0" }] });
      expect(await bodies(group, 3)).toEqual(["0", "1", "2"]);
      expect((await reset(group, { topic, to: "offset", offset: "2", queueId: 0 })).json.queues[0].after).toBe("2");
      expect(await bodies(group, 1)).toEqual(["2"]);
    });

    it("goes to the first message stored at or after a time", async () => {
      const { topic, group } = await setUp();
      const stored = async (offset: number) =>
        (await api.get(`/v1/topics/${topic}/queues/0/messages?offset=${offset}`)).json.messages[0].storedAt as string;
      const lastStored = Date.parse(await stored(2));
      await eventually(async () => (Date.now() > lastStored + 5 ? true : undefined));
      await send(api, topic, { body: "3" });
      const timestamp = await stored(3);
      expect((await reset(group, { topic, to: "timestamp", timestamp })).json.queues[0]).toMatchObject({ after: "3" });
      expect(await bodies(group, 1)).toEqual(["3"]);
      const before = { topic, to: "timestamp", timestamp: Date.parse(timestamp) - 1, boundary: "UPPER" };
      expect((await reset(group, before)).json.queues[0]).toMatchObject({ after: "2" });
      expect(await bodies(group, 2)).toEqual(["2", "3"]);
      expectProblem(await reset(group, { topic, to: "earliest", boundary: "UPPER" }), 400, "BAD_REQUEST");
    });

    it("drops what waits and what is in flight, to the latest", async () => {
      const topic = await createTopic(api, { queues: 2 });
      const group = await createGroup(api, [topic]);
      for (let index = 0; index < 8; index++) await send(api, topic, { body: "x" });
      await receiveCount(api, group, 1, { leaseSeconds: 300 });
      const { queues } = (await reset(group, { topic, to: "latest" })).json;
      expect(queues.map(({ queueId }: { queueId: number }) => queueId)).toEqual([0, 1]);
      expect((await api.get(`/v1/groups/${group}/lag`)).json).toMatchObject({ lag: 0, inFlight: 0, oldestUnackedAt: null });
      expect(await receive(api, group)).toEqual([]);
      await send(api, topic, { body: "after" });
      expect(await bodies(group, 1)).toEqual(["after"]);
    });

    it("voids the handles given out before", async () => {
      const { topic, group } = await setUp();
      await send(api, topic, { body: "3" });
      const [held] = await receiveCount(api, group, 1, { leaseSeconds: 300 });
      await reset(group, { topic, to: "offset", offset: "3" });
      const { receiptHandle } = held!;
      const lost = { status: "error", error: { code: "LEASE_LOST" } };
      const request = {
        acks: [{ receiptHandle }],
        nacks: [{ receiptHandle }],
        extends: [{ receiptHandle, leaseSeconds: 60 }],
        deadLetters: [{ receiptHandle }],
      };
      for (const [action, entries] of Object.entries(request)) {
        const [result] = await settle(api, group, { [action]: entries });
        expect(result, action).toMatchObject(lost);
      }
      const [again] = await receiveCount(api, group, 1);
      expect(again).toMatchObject({ body: "3", attempt: 1 });
      await ack(api, group, [again!]);
    });

    it("changes nothing with dryRun", async () => {
      const { topic, group } = await setUp();
      const dry = await reset(group, { topic, to: "earliest", dryRun: true });
      expect(dry.json).toEqual({ queues: [{ queueId: 0, before: "3", after: "0" }] });
      expect(await receive(api, group)).toEqual([]);
      expect((await reset(group, { topic, to: "latest", dryRun: true })).json.queues[0]).toMatchObject({ before: "3" });
    });

    it("wakes a long poll", async () => {
      const { topic, group } = await setUp();
      const startedAt = performance.now();
      const poll = receive(api, group, { max: 3, waitSeconds: 20 });
      await reset(group, { topic, to: "earliest" });
      expect((await poll).map(({ body }) => body)).toEqual(["0", "1", "2"]);
      expect(performance.now() - startedAt).toBeLessThan(15_000);
    });

    it("refuses offsets outside the queue, and changes none then", async () => {
      const topic = await createTopic(api, { queues: 2 });
      const group = await createGroup(api, [topic]);
      const { queueId } = await send(api, topic, { body: "x" });
      // One queue reaches offset 1, the other does not.
      const answer = await reset(group, { topic, to: "offset", offset: "1" });
      expectProblem(answer, 416, "OFFSET_ILLEGAL");
      expect(answer.json).toMatchObject({ queueId: 1 - queueId, minOffset: "0", maxOffset: "0" });
      expect((await api.get(`/v1/groups/${group}/lag`)).json).toMatchObject({ lag: 1 });
      expectProblem(await reset(group, { topic, to: "offset", offset: "2", queueId, dryRun: true }), 416, "OFFSET_ILLEGAL");
    });

    it("refuses what is none", async () => {
      const topic = await createTopic(api, { queues: 1 });
      const group = await createGroup(api, [topic]);
      const wrong: object[] = [
        { topic },
        { to: "earliest" },
        { topic, to: "beginning" },
        { topic, to: "offset" },
        { topic, to: "offset", offset: 1 },
        { topic, to: "offset", offset: "-1" },
        { topic, to: "offset", offset: "9999999999999999" },
        { topic, to: "timestamp" },
        { topic, to: "timestamp", timestamp: "yesterday" },
        { topic, to: "timestamp", timestamp: Math.floor(Date.now() / 1_000) },
        { topic, to: "earliest", offset: "0" },
        { topic, to: "latest", timestamp: 0 },
        { topic, to: "latest", queueId: -1 },
        { topic, to: "latest", dryRun: "true" },
        { topic, to: "latest", colour: "red" },
      ];
      for (const request of wrong) expect((await reset(group, request)).status, JSON.stringify(request)).toBe(400);
      expectProblem(await reset(group, { topic, to: "latest", queueId: 1 }), 404, "NOT_FOUND");
      expectProblem(await reset(group, { topic: uniqueName("absent"), to: "latest" }), 404, "TOPIC_NOT_FOUND");
      expectProblem(await reset(group, { topic: await createTopic(api), to: "latest" }), 404, "NOT_FOUND");
      expectProblem(await reset(uniqueName("absent"), { topic, to: "latest" }), 404, "CONSUMER_GROUP_NOT_FOUND");
    });
  });
}
