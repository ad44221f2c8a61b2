import { describe, expect, it } from "vitest";
import { type Api, uniqueName } from "../support/http/http-api.ts";
import { ack, createGroup, createTopic, expectProblem, receiveCount, send } from "../support/http/http-fixtures.ts";

interface Listed {
  readonly topic: string;
  readonly queueId: number;
  readonly offset: string | null;
  readonly lag: number | null;
}

export function offsetTests(api: Api): void {
  const pathOf = (group: string, topic: string, queueId: number | string = 0) =>
    `/v1/groups/${group}/offsets/${topic}/${queueId}`;
  const join = async (group: string, clientId: string): Promise<{ clientId: string; generation: number }> => {
    const answer = await api.put(`/v1/groups/${group}/clients/${clientId}`);
    expect([200, 201], answer.text).toContain(answer.status);
    return { clientId, generation: answer.json.generation };
  };
  /** A topic of one queue with `count` messages, and a group that begins at the first. */
  const setUp = async (count = 5) => {
    const topic = await createTopic(api, { queues: 1 });
    const group = await createGroup(api, [topic]);
    for (let index = 0; index < count; index++) await send(api, topic, { body: `${index}` });
    return { topic, group };
  };
  const commit = (where: { group: string; topic: string }, request: object) => api.put(pathOf(where.group, where.topic), request);
  const read = async ({ group, topic }: { group: string; topic: string }, query = "") =>
    (await api.get(`${pathOf(group, topic)}${query}`)).json;
  const committed = async (where: { group: string; topic: string }, request: object) => {
    const answer = await commit(where, request);
    expect(answer.status, answer.text).toBe(200);
    expect(answer.json).toEqual({ offset: (request as { offset: string }).offset });
  };

  describe("PROTOCOL 3.9 committed offsets", () => {
    it("are where receives, lag and others go on", async () => {
      const where = await setUp();
      const { topic, group } = where;
      const member = await join(group, "c1");
      expect(await read(where)).toEqual({ topic, queueId: 0, offset: "0", minOffset: "0", maxOffset: "5", lag: 5 });
      await committed(where, { offset: "3", ...member });
      expect(await read(where)).toEqual({ topic, queueId: 0, offset: "3", minOffset: "0", maxOffset: "5", lag: 2 });
      const { topics } = (await api.get(`/v1/groups/${group}/lag`)).json;
      expect(topics[0].queues[0]).toMatchObject({ committed: "3", lag: 2 });
      expect((await receiveCount(api, group, 2)).map(({ body }) => body)).toEqual(["3", "4"]);
    });

    it("are answered alike when a commit is repeated", async () => {
      const where = await setUp();
      const member = await join(where.group, "c1");
      for (let times = 0; times < 3; times++) await committed(where, { offset: "3", ...member });
      expect(await read(where)).toMatchObject({ offset: "3" });
    });

    it("go back only where that is asked for", async () => {
      const where = await setUp();
      const member = await join(where.group, "c1");
      await committed(where, { offset: "4", ...member });
      for (const request of [{ offset: "2" }, { offset: "2", allowRewind: false }]) {
        const refused = await commit(where, { ...request, ...member });
        expectProblem(refused, 412, "PRECONDITION_FAILED", "allowRewind");
        expect(refused.json).toMatchObject({ queueId: 0, committed: "4" });
      }
      await committed(where, { offset: "2", allowRewind: true, ...member });
      expect(await read(where)).toMatchObject({ offset: "2" });
      await committed(where, { offset: "5", allowRewind: true, ...member });
    });

    it("do not lie behind the end of the queue", async () => {
      const where = await setUp();
      const member = await join(where.group, "c1");
      const refused = await commit(where, { offset: "6", ...member });
      expectProblem(refused, 416, "OFFSET_ILLEGAL");
      expect(refused.json).toMatchObject({ queueId: 0, minOffset: "0", maxOffset: "5" });
      await committed(where, { offset: "5", ...member });
    });

    it("are refused to a member whose generation is over, and to one that has not got the queue", async () => {
      const where = await setUp();
      const first = await join(where.group, "a");
      await join(where.group, "b");
      expectProblem(await commit(where, { offset: "1", ...first }), 409, "STALE_GENERATION");
      const second = await join(where.group, "a");
      await committed(where, { offset: "1", ...second });
      // One queue, two members: it is the first one's.
      expectProblem(await commit(where, { offset: "2", ...(await join(where.group, "b")) }), 409, "STALE_GENERATION", "b");
      expectProblem(await commit(where, { offset: "2", ...second, clientId: "c" }), 409, "STALE_GENERATION");
      expectProblem(await commit(where, { offset: "2", ...second, generation: 99 }), 409, "STALE_GENERATION");
      // Also a repeat of what is committed.
      expectProblem(await commit(where, { offset: "1", ...first }), 409, "STALE_GENERATION");
      expect(await read(where)).toMatchObject({ offset: "1" });
    });

    it("are not undone after a reset by a member that does not know of it", async () => {
      const where = await setUp();
      const before = await join(where.group, "c1");
      await committed(where, { offset: "3", ...before });
      const reset = await api.post(`/v1/groups/${where.group}/offsets/reset`, { topic: where.topic, to: "earliest" });
      expect(reset.json).toEqual({ queues: [{ queueId: 0, before: "3", after: "0" }] });
      expectProblem(await commit(where, { offset: "4", ...before }), 409, "STALE_GENERATION");
      const after = await join(where.group, "c1");
      expect(after.generation).toBeGreaterThan(before.generation);
      expect(await read(where)).toMatchObject({ offset: "0" });
      await committed(where, { offset: "1", ...after });
    });

    it("may come from a client that does not heartbeat, where nobody else does", async () => {
      const where = await setUp();
      await committed(where, { offset: "2" });
      await committed(where, { offset: "1", allowRewind: true });
      const member = await join(where.group, "c1");
      expectProblem(await commit(where, { offset: "2" }), 409, "STALE_GENERATION", "c1");
      await committed(where, { offset: "2", ...member });
      await api.delete(`/v1/groups/${where.group}/clients/c1`);
      await committed(where, { offset: "3" });
      expectProblem(await commit(where, { offset: "4", ...member }), 409, "STALE_GENERATION");
      await committed(where, { offset: "4", ...(await join(where.group, "c1")) });
    });

    it("leave with receives what they hold", async () => {
      const where = await setUp();
      const held = await receiveCount(api, where.group, 2, { leaseSeconds: 300 });
      await committed(where, { offset: "4" });
      expect(await read(where)).toMatchObject({ offset: "4", lag: 3 });
      expectProblem(await commit(where, { offset: "1", allowRewind: true }), 412, "PRECONDITION_FAILED", "reset");
      await ack(api, where.group, held);
      expect(await read(where)).toMatchObject({ offset: "4", lag: 1 });
      await committed(where, { offset: "1", allowRewind: true });
      expect((await receiveCount(api, where.group, 4)).map(({ body }) => body)).toEqual(["1", "2", "3", "4"]);
    });

    it("are listed by topic and queue", async () => {
      const topics = [await createTopic(api, { queues: 2 }), await createTopic(api, { queues: 1 })].sort();
      const group = await createGroup(api, topics);
      const [first = "", second = ""] = topics;
      const { queueId } = await send(api, first, { body: "x" });
      expect((await api.put(pathOf(group, first, queueId), { offset: "1" })).status).toBe(200);
      const list = (await api.get(`/v1/groups/${group}/offsets`)).json;
      expect(list).toMatchObject({ nextCursor: null, complete: true });
      const places = list.items.map((item: Listed) => `${item.topic}/${item.queueId}`).sort();
      expect(places).toEqual((await placesOf(topics)).sort());
      expect(list.items.find((item: Listed) => item.topic === first && item.queueId === queueId)).toMatchObject({
        offset: "1",
        maxOffset: "1",
        lag: 0,
      });
      const one = (await api.get(`/v1/groups/${group}/offsets?topic=${second}`)).json;
      expect(new Set(one.items.map(({ topic }: Listed) => topic))).toEqual(new Set([second]));
    });

    it("are listed in pages of a bounded number of queues", async () => {
      const topics: string[] = [];
      for (let index = 0; index < 3; index++) topics.push(await createTopic(api, { queues: 256 }));
      topics.sort();
      const group = await createGroup(api, topics);
      const first = (await api.get(`/v1/groups/${group}/offsets`)).json;
      expect(first).toMatchObject({ complete: false, nextCursor: expect.any(String) });
      expect(new Set(first.items.map(({ topic }: Listed) => topic))).toEqual(new Set(topics.slice(0, 2)));
      const second = (await api.get(`/v1/groups/${group}/offsets?cursor=${first.nextCursor}`)).json;
      expect(second).toMatchObject({ complete: true, nextCursor: null });
      expect(second.items).toHaveLength(256);
      expectProblem(
        await api.get(`/v1/groups/${group}/offsets?topic=${topics[0]}&cursor=${first.nextCursor}`),
        400,
        "BAD_REQUEST",
      );
    });

    it("are kept for each client that reads everything for itself", async () => {
      const where = await setUp();
      const { topic, group } = where;
      const own = (clientId: string, offset: string, more: object = {}) =>
        commit(where, { offset, clientId, messageModel: "BROADCASTING", ...more });
      expectProblem(await api.get(`${pathOf(group, topic)}?clientId=b1`), 404, "OFFSET_NOT_FOUND", "b1");
      for (let times = 0; times < 2; times++) expect((await own("b1", "3")).json).toEqual({ offset: "3" });
      expect((await own("b2", "1")).status).toBe(200);
      expect(await read(where, "?clientId=b1")).toEqual({
        topic,
        queueId: 0,
        offset: "3",
        minOffset: "0",
        maxOffset: "5",
        lag: 2,
      });
      expect(await read(where, "?clientId=b2")).toMatchObject({ offset: "1", lag: 4 });
      expect(await read(where)).toMatchObject({ offset: "0" });
      const refused = await own("b1", "2");
      expectProblem(refused, 412, "PRECONDITION_FAILED");
      expect(refused.json.committed).toBe("3");
      expect((await own("b1", "2", { allowRewind: true })).status).toBe(200);
      expectProblem(await own("b1", "6"), 416, "OFFSET_ILLEGAL");
      const list = (await api.get(`/v1/groups/${group}/offsets?clientId=b3`)).json;
      expect(list.items[0]).toMatchObject({ topic, queueId: 0, offset: null, lag: null, maxOffset: "5" });
      expect((await api.get(`/v1/groups/${group}/offsets?clientId=b2`)).json.items[0]).toMatchObject({ offset: "1", lag: 4 });
    });

    it("need a group, a subscription, a queue and a commit that says who commits", async () => {
      const where = await setUp(1);
      const { topic, group } = where;
      const wrong: object[] = [
        {},
        { offset: 1 },
        { offset: "-1" },
        { offset: "99999999999999999" },
        { offset: "1", clientId: "c1" },
        { offset: "1", generation: 1 },
        { offset: "1", generation: 0, clientId: "c1" },
        { offset: "1", generation: 1, clientId: "a b" },
        { offset: "1", messageModel: "BROADCASTING" },
        { offset: "1", messageModel: "BROADCASTING", clientId: "c1", generation: 1 },
        { offset: "1", messageModel: "broadcasting", clientId: "c1" },
        { offset: "1", force: true },
      ];
      for (const request of wrong) expectProblem(await commit(where, request), 400, "BAD_REQUEST");
      for (const verb of ["get", "put"] as const) {
        const ask = (path: string) => (verb === "get" ? api.get(path) : api.put(path, { offset: "1" }));
        expectProblem(await ask(pathOf(uniqueName("absent"), topic)), 404, "CONSUMER_GROUP_NOT_FOUND");
        expectProblem(await ask(pathOf(group, uniqueName("absent"))), 404, "TOPIC_NOT_FOUND");
        expectProblem(await ask(pathOf(group, await createTopic(api))), 404, "NOT_FOUND", "not subscribed");
        expectProblem(await ask(pathOf(group, topic, 1)), 404, "NOT_FOUND", "no queue 1");
        expectProblem(await ask(pathOf(group, topic, "x")), 400, "BAD_REQUEST");
      }
      expectProblem(await api.get(`/v1/groups/${uniqueName("absent")}/offsets`), 404, "CONSUMER_GROUP_NOT_FOUND");
      expectProblem(await api.get(`/v1/groups/${group}/offsets?topic=${uniqueName("absent")}`), 404, "TOPIC_NOT_FOUND");
      expectProblem(await api.get(`/v1/groups/${group}/offsets?clientId=-`), 400, "BAD_REQUEST");
      expect((await api.get(`/v1/groups/${await createGroup(api, [])}/offsets`)).json.items).toEqual([]);
      expectProblem(await api.post(pathOf(group, topic)), 405, "METHOD_NOT_ALLOWED");
    });
  });

  /** The queues that consumers of the topics visit, as the routes show them. */
  async function placesOf(topics: readonly string[]): Promise<string[]> {
    const routes = topics.map(async (topic) => (await api.get(`/v1/topics/${topic}/queues`)).json.items);
    const queues = await Promise.all(routes);
    return topics.flatMap((topic, index) => queues[index].map(({ queueId }: { queueId: number }) => `${topic}/${queueId}`));
  }
}
