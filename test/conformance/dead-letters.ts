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

interface DeadLetterJson {
  readonly id: string;
  readonly messageId: string;
  readonly body: string;
  readonly dlqOffset: string;
}

interface JobJson {
  readonly jobId: string;
  readonly state: string;
  readonly moved: number;
  readonly remaining: number;
  readonly failure?: string;
}

export function deadLetterTests(api: Api): void {
  /** A group with `bodies` as its dead letters, in that order. */
  const setUp = async (bodies: readonly string[], message: object = {}, settings: object = {}) => {
    const topic = await createTopic(api, { queues: 1, ...settings });
    const group = await createGroup(api, [topic]);
    for (const body of bodies) {
      await send(api, topic, { body, ...message });
      const [received] = await receiveCount(api, group, 1);
      const results = await settle(api, group, {
        deadLetters: [{ receiptHandle: received!.receiptHandle, reason: "card declined" }],
      });
      expect(results).toMatchObject([{ status: "deadLettered" }]);
    }
    return { topic, group, path: `/v1/groups/${group}/dlq` };
  };
  const list = async (path: string): Promise<DeadLetterJson[]> => {
    const answer = await api.get(path);
    expect(answer.status, answer.text).toBe(200);
    return answer.json.items;
  };
  const bodies = (items: readonly { readonly body: string }[]) => items.map(({ body }) => body);
  const start = async (path: string, request?: object) => {
    const answer = await api.post(`${path}/redrive`, request);
    expect([200, 202], answer.text).toContain(answer.status);
    expect(answer.status).toBe(answer.json.state === "RUNNING" ? 202 : 200);
    return answer.json as JobJson;
  };
  const ended = (path: string, jobId: string): Promise<JobJson> =>
    eventually(async () => {
      const resumed = await api.post(`${path}/redrive/${jobId}`);
      expect(resumed.status, resumed.text).toBe(resumed.json.state === "RUNNING" ? 202 : 200);
      return resumed.json.state === "RUNNING" ? undefined : resumed.json;
    });
  /** To its end: a slow server may need more than one request. */
  const redrive = async (path: string, request?: object): Promise<JobJson> => {
    const job = await start(path, request);
    return job.state === "RUNNING" ? ended(path, job.jobId) : job;
  };

  describe("PROTOCOL 6.5 dead letters", () => {
    it("shows what died, where, when, why and after how many deliveries", async () => {
      const message = { tag: "created", keys: ["k1"], properties: { src: "web" } };
      const { topic, path } = await setUp(["a"], message);
      const answer = await api.get(path);
      expect(answer.json).toMatchObject({ nextCursor: null, complete: true });
      const [item] = answer.json.items;
      expect(item).toMatchObject({
        topic,
        queueId: 0,
        offset: "0",
        body: "a",
        bodyEncoding: "utf8",
        attempts: 1,
        dlqOffset: "0",
      });
      expect(item).toMatchObject({ ...message, reason: "card declined" });
      expect(item.properties).toEqual({ src: "web" });
      expect(Math.abs(Date.parse(item.deadAt) - Date.now())).toBeLessThan(60_000);
      expect((await api.get(`${path}/${item.id}`)).json).toEqual(item);
      expect(item.messageId).toBe((await api.get(`/v1/topics/${topic}/queues/0/messages?offset=0`)).json.messages[0].messageId);
    });

    it("lists in order, page by page", async () => {
      const { path } = await setUp(["a", "b", "c", "d", "e"]);
      const seen: string[] = [];
      let cursor = "";
      let pages = 0;
      for (let query = "?limit=2"; ; query = `?limit=2&cursor=${cursor}`) {
        const { items, nextCursor } = (await api.get(path + query)).json;
        seen.push(...bodies(items));
        pages++;
        if (nextCursor === null) break;
        cursor = nextCursor;
      }
      expect(seen).toEqual(["a", "b", "c", "d", "e"]);
      expect(pages).toBe(3);
      const other = await setUp(["x"]);
      expectProblem(await api.get(`${other.path}?limit=2&cursor=${cursor}`), 400, "BAD_REQUEST", "cursor");
      for (const wrong of ["?limit=0", "?limit=1001", "?prefix=a", "?colour=red"])
        expectProblem(await api.get(path + wrong), 400, "BAD_REQUEST");
    });

    it("deletes one, after telling with dryRun what would go", async () => {
      const { group, path } = await setUp(["a", "b", "c"]);
      const [, b] = await list(path);
      const dry = await api.delete(`${path}/${b!.id}?dryRun=true`);
      expect(dry.status).toBe(200);
      expect(dry.json).toEqual({ dryRun: true, deadLetter: b });
      expect(bodies(await list(path))).toEqual(["a", "b", "c"]);
      expect((await api.delete(`${path}/${b!.id}`)).status).toBe(204);
      expect(bodies(await list(path))).toEqual(["a", "c"]);
      expect((await api.delete(`/v1/groups/${group}?dryRun=true`)).json.deadLetters).toBe(2);
      expectProblem(await api.get(`${path}/${b!.id}`), 404, "MESSAGE_NOT_FOUND");
      expectProblem(await api.delete(`${path}/${b!.id}`), 404, "MESSAGE_NOT_FOUND");
    });

    it("finds nothing under an id that is none", async () => {
      const { path } = await setUp(["a"]);
      const [a] = await list(path);
      for (const id of [
        "x",
        a!.messageId,
        `1-${a!.messageId}`,
        "0-",
        "0-x",
        `00-${a!.messageId}`,
        `99999999999999999-${a!.messageId}`,
      ])
        expectProblem(await api.get(`${path}/${id}`), 404, "MESSAGE_NOT_FOUND");
      expectProblem(await api.get(`/v1/groups/${uniqueName("none")}/dlq`), 404, "CONSUMER_GROUP_NOT_FOUND");
    });

    it("purges all there are, for the one who says so", async () => {
      const { topic, group, path } = await setUp(["a", "b", "c"]);
      await api.delete(`${path}/${(await list(path))[0]!.id}`);
      for (const wrong of [{}, { confirm: true }, { confirm: `${group}x` }, { confirm: group, all: true }])
        expectProblem(await api.post(`${path}/purge`, wrong), 400, "BAD_REQUEST");
      expect(bodies(await list(path))).toEqual(["b", "c"]);
      expect((await api.post(`${path}/purge`, { confirm: group })).json).toEqual({ purged: 2 });
      expect(await list(path)).toEqual([]);
      expect((await api.post(`${path}/purge`, { confirm: group })).json).toEqual({ purged: 0 });
      await send(api, topic, { body: "d" });
      const [received] = await receiveCount(api, group, 1);
      await settle(api, group, { deadLetters: [{ receiptHandle: received!.receiptHandle, reason: "no" }] });
      expect(bodies(await list(path))).toEqual(["d"]);
    });
  });

  describe("PROTOCOL 6.7 redrive", () => {
    it("delivers to this group only, with attempt 1 again", async () => {
      const { topic, group, path } = await setUp(["a", "b"], { tag: "created", keys: ["k"], properties: { src: "web" } });
      const other = await createGroup(api, [topic]);
      await ack(api, other, await receiveCount(api, other, 2));
      const before = await list(path);
      expect(await redrive(path)).toMatchObject({ state: "DONE", moved: 2, remaining: 0 });
      expect(await list(path)).toEqual([]);
      await api.changesKnown();
      const again = await receiveCount(api, group, 2);
      expect(bodies(again)).toEqual(["a", "b"]);
      for (const [index, message] of again.entries()) {
        expect(message).toMatchObject({ topic, attempt: 1, tag: "created", keys: ["k"], messageId: before[index]!.messageId });
        expect(message.properties).toEqual({ src: "web" });
      }
      await ack(api, group, again);
      expect(await receive(api, group, { max: 10 })).toEqual([]);
      expect(await receive(api, other, { max: 10 })).toEqual([]);
      expect((await api.get(`/v1/topics/${topic}/queues`)).json.items[0].maxOffset).toBe("2");
    });

    it("answers a receive of the topic it came from, and keeps its own topic to itself", async () => {
      const { topic, group, path } = await setUp(["a"]);
      await redrive(path);
      await api.changesKnown();
      expect(bodies(await receiveCount(api, group, 1, { topics: [topic] }))).toEqual(["a"]);
      expect((await api.get(`/v1/groups/${group}`)).json.subscriptions).toHaveLength(1);
      expect((await api.delete(`/v1/groups/${group}?dryRun=true`)).json.subscriptions).toEqual([topic]);
      expect((await api.get(`/v1/topics/%25RETRY%25${group}%25${topic}`)).status).toBe(400);
      expect((await api.get("/v1/topics?limit=1000&prefix=%25")).json.items).toEqual([]);
    });

    it("wakes a receive that waits", async () => {
      const { group, path } = await setUp(["a"]);
      const waiting = receive(api, group, { waitSeconds: 15 });
      await redrive(path);
      expect(bodies(await waiting)).toEqual(["a"]);
    });

    it("keeps the order of a message group", async () => {
      const { group, path } = await setUp(["a", "b", "c"], { messageGroup: "g" }, { type: "FIFO" });
      await redrive(path);
      await api.changesKnown();
      for (const body of ["a", "b", "c"]) {
        const [message] = await receiveCount(api, group, 1);
        expect(message).toMatchObject({ body, messageGroup: "g" });
        await ack(api, group, [message!]);
      }
    });

    it("dead-letters again what fails again, and redrives that too", async () => {
      const { topic, group, path } = await setUp(["a"]);
      await redrive(path);
      await api.changesKnown();
      const [message] = await receiveCount(api, group, 1);
      await settle(api, group, { deadLetters: [{ receiptHandle: message!.receiptHandle, reason: "again" }] });
      const items = await list(path);
      expect(items).toMatchObject([{ body: "a", topic, reason: "again", attempts: 1, dlqOffset: "1" }]);
      expect(await redrive(path)).toMatchObject({ state: "DONE", moved: 1 });
      expect(bodies(await receiveCount(api, group, 1))).toEqual(["a"]);
    });

    it("takes the ids it is given, or what a filter lets through", async () => {
      const { topic, group, path } = await setUp(["a", "b", "c", "d"]);
      await send(api, topic, { body: "e", tag: "urgent" });
      const [received] = await receiveCount(api, group, 1);
      await settle(api, group, { deadLetters: [{ receiptHandle: received!.receiptHandle, reason: "no" }] });
      const items = await list(path);
      const ids = [items[2]!.id, items[0]!.id];
      expect((await api.post(`${path}/redrive`, { ids, dryRun: true })).json).toEqual({
        dryRun: true,
        matched: 2,
        complete: true,
      });
      expect(await list(path)).toHaveLength(5);
      expect(await redrive(path, { ids })).toMatchObject({ state: "DONE", moved: 2 });
      expect(bodies(await list(path))).toEqual(["b", "d", "e"]);
      expect(await redrive(path, { ids })).toMatchObject({ state: "DONE", moved: 0 });
      const filter = { type: "TAG", expression: "urgent" };
      expect((await api.post(`${path}/redrive`, { filter, dryRun: true })).json).toMatchObject({ matched: 1 });
      expect(await redrive(path, { filter })).toMatchObject({ state: "DONE", moved: 1 });
      const byReason = { type: "SQL92", expression: "DLQ_REASON = 'card declined' AND DLQ_ORIGIN_OFFSET = '1'" };
      expect(await redrive(path, { filter: byReason })).toMatchObject({ moved: 1 });
      expect(bodies(await list(path))).toEqual(["d"]);
      await api.changesKnown();
      expect(bodies(await receiveCount(api, group, 4)).sort()).toEqual(["a", "b", "c", "e"]);
    });

    it("sends to a topic that is named", async () => {
      const { path } = await setUp(["a", "b"], { properties: { src: "web" } });
      const before = await list(path);
      const target = await createTopic(api, { queues: 1 });
      expect(await redrive(path, { target })).toMatchObject({ state: "DONE", moved: 2 });
      const { messages } = (await api.get(`/v1/topics/${target}/queues/0/messages?offset=0`)).json;
      expect(messages).toMatchObject(before.map(({ messageId, body }) => ({ messageId, body, topic: target })));
      expect(messages[0].properties).toEqual({ src: "web" });
    });

    it("refuses a target that takes no such messages", async () => {
      const { group, path } = await setUp(["a"]);
      expectProblem(await api.post(`${path}/redrive`, { target: uniqueName("none") }), 404, "TOPIC_NOT_FOUND");
      expectProblem(await api.post(`${path}/redrive`, { target: "a.b" }), 400, "ILLEGAL_TOPIC");
      expectProblem(await api.post(`${path}/redrive`, { target: `%DLQ%${group}` }), 403, "FORBIDDEN");
      const readOnly = await createTopic(api, { perm: 4 });
      expectProblem(await api.post(`${path}/redrive`, { target: readOnly }), 403, "FORBIDDEN");
      const target = await createTopic(api, { type: "FIFO" });
      const failed = await redrive(path, { target });
      expect(failed).toMatchObject({ state: "FAILED", moved: 0, remaining: 1, failure: expect.stringContaining("messageGroup") });
      expect((await api.get(`${path}/redrive/${failed.jobId}`)).json).toEqual(failed);
      expect(bodies(await list(path))).toEqual(["a"]);
    });

    it("moves no faster than it is told, and goes on when asked to", async () => {
      const { group, path } = await setUp(["a", "b", "c", "d", "e"]);
      const startedMs = Date.now();
      const job = await start(path, { ratePerSecond: 1 });
      expect(job.state).toBe("RUNNING");
      expect(job.moved).toBeGreaterThanOrEqual(1);
      expect(job.moved + job.remaining).toBe(5);
      expect(await ended(path, job.jobId)).toEqual({ jobId: job.jobId, state: "DONE", moved: 5, unreadable: 0, remaining: 0 });
      expect(Date.now() - startedMs).toBeGreaterThan(3_900);
      expect(bodies(await receiveCount(api, group, 5))).toEqual(["a", "b", "c", "d", "e"]);
    }, 30_000);

    it("moves each once, however many redrive at once", async () => {
      const names = Array.from({ length: 12 }, (_, index) => `m${index}`);
      const { group, path } = await setUp(names);
      const results = await Promise.all(Array.from({ length: 4 }, () => redrive(path)));
      expect(results.reduce((sum, { moved }) => sum + moved, 0)).toBe(12);
      await api.changesKnown();
      expect(bodies(await receiveCount(api, group, 12)).sort()).toEqual([...names].sort());
      expect(await receive(api, group, { max: 10, waitSeconds: 1 })).toEqual([]);
    }, 30_000);

    it("refuses what is none", async () => {
      const { path } = await setUp([]);
      const wrong: object[] = [
        { ids: [] },
        { ids: ["x"] },
        { ids: Array.from({ length: 101 }, (_, index) => `${index}-x`) },
        { ids: ["0-x"], filter: { type: "TAG", expression: "a" } },
        { ratePerSecond: 0 },
        { ratePerSecond: 1_001 },
        { ratePerSecond: 0.5 },
        { target: "" },
        { dryRun: "yes" },
        { colour: "red" },
      ];
      for (const request of wrong) expectProblem(await api.post(`${path}/redrive`, request), 400, "BAD_REQUEST");
      const filter = { type: "SQL92", expression: "a =" };
      expectProblem(await api.post(`${path}/redrive`, { filter }), 400, "ILLEGAL_FILTER_EXPRESSION");
      for (const jobId of ["none", "x".repeat(2_000)]) {
        expectProblem(await api.get(`${path}/redrive/${jobId}`), 404, "NOT_FOUND");
        expectProblem(await api.post(`${path}/redrive/${jobId}`), 404, "NOT_FOUND");
      }
    });

    it("starts clean with a group made anew", async () => {
      const { topic, group, path } = await setUp(["a", "b"]);
      const { jobId } = await redrive(path, { ids: [(await list(path))[0]!.id] });
      expect((await api.delete(`/v1/groups/${group}`)).status).toBe(204);
      await api.changesKnown();
      await api.put(`/v1/groups/${group}`);
      await api.changesKnown();
      expect(await list(path)).toEqual([]);
      expectProblem(await api.get(`${path}/redrive/${jobId}`), 404, "NOT_FOUND");
      await api.put(`/v1/groups/${group}/subscriptions/${topic}`, { startFrom: "latest" });
      expect(await receive(api, group, { max: 10 })).toEqual([]);
    });

    it("are received by another group that is subscribed to them", async () => {
      const { topic, group } = await setUp(["a"]);
      const deadLetters = `%DLQ%${group}`;
      const other = await createGroup(api, []);
      const path = `/v1/groups/${other}/subscriptions/${encodeURIComponent(deadLetters)}`;
      expect((await api.put(path, { startFrom: "earliest" })).status).toBe(201);
      expect((await api.get(path)).json).toMatchObject({ topic: deadLetters });
      const [message] = await receiveCount(api, other, 1, { topics: [deadLetters] });
      expect(message).toMatchObject({
        topic: deadLetters,
        body: "a",
        attempt: 1,
        properties: { DLQ_ORIGIN_TOPIC: topic, DLQ_REASON: "card declined" },
      });
      await ack(api, other, [message!]);
      expect((await api.get(`/v1/groups/${other}`)).json.subscriptions).toMatchObject([{ topic: deadLetters }]);
      expectProblem(
        await api.put(`/v1/groups/${group}/subscriptions/${encodeURIComponent(deadLetters)}`, {}),
        400,
        "BAD_REQUEST",
      );
      expect((await api.delete(`/v1/groups/${group}`)).status).toBe(204);
      await api.changesKnown();
      expect(await receive(api, other)).toEqual([]);
      await send(api, topic, { body: "b" });
      expect((await api.put(`/v1/groups/${other}/subscriptions/${topic}`, { startFrom: "earliest" })).status).toBe(201);
      await api.changesKnown();
      expect((await receiveCount(api, other, 1, { topics: [topic] }))[0]).toMatchObject({ topic });
    });
  });
}
