import { describe, expect, it } from "vitest";
import { type Api, uniqueName } from "../support/http/http-api.ts";
import { createGroup, createTopic, expectProblem, subscribe } from "../support/http/http-fixtures.ts";

interface Heartbeat {
  readonly generation: number;
  readonly assignment: readonly { readonly topic: string; readonly queueId: number }[];
  readonly expiresAt: string;
}

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);

export function clientTests(api: Api): void {
  const pathOf = (group: string, client: string) => `/v1/groups/${group}/clients/${encodeURIComponent(client)}`;
  const heartbeat = async (group: string, client: string, request?: object): Promise<Heartbeat> => {
    const answer = await api.put(pathOf(group, client), request);
    expect([200, 201], answer.text).toContain(answer.status);
    return answer.json;
  };
  /** Lets each client hear of the others, then answers their queues as numbers; all are in one generation. */
  const queuesOf = async (group: string, clients: Readonly<Record<string, object>>): Promise<Record<string, number[]>> => {
    const queues: Record<string, number[]> = {};
    const generations = new Set<number>();
    for (const [client, request] of Object.entries(clients)) await heartbeat(group, client, request);
    for (const [client, request] of Object.entries(clients)) {
      const { generation, assignment } = await heartbeat(group, client, request);
      generations.add(generation);
      queues[client] = assignment.map(({ queueId }) => queueId);
    }
    expect(generations.size).toBe(1);
    return queues;
  };

  describe("PROTOCOL 3.7 clients", () => {
    it("joins with 201, stays with 200, and hears when it expires", async () => {
      const topic = await createTopic(api, { queues: 2 });
      const group = await createGroup(api, [topic]);
      const beforeMs = Date.now();
      const joined = await api.put(pathOf(group, "c1"), { subscriptions: [topic], room: "az1" });
      expect(joined.status).toBe(201);
      expect(joined.json).toEqual({
        generation: expect.any(Number),
        assignment: numbers(2).map((queueId) => ({ topic, queueId })),
        expiresAt: expect.any(String),
      });
      // The server's clock may differ from this one's by a little.
      expect(Math.abs(Date.parse(joined.json.expiresAt) - beforeMs - 120_000)).toBeLessThan(15_000);
      const again = await api.put(pathOf(group, "c1"), { subscriptions: [topic], room: "az1" });
      expect(again.status).toBe(200);
      expect(again.json).toMatchObject({ generation: joined.json.generation, assignment: joined.json.assignment });
      expect(Date.parse(again.json.expiresAt)).toBeGreaterThanOrEqual(Date.parse(joined.json.expiresAt));
    });

    it("shares the queues of every topic of the group where no body names some", async () => {
      const topics = [await createTopic(api, { queues: 1 }), await createTopic(api, { queues: 2 })].sort();
      const group = await createGroup(api, topics);
      const { assignment } = await heartbeat(group, "c1");
      expect(assignment).toHaveLength(3);
      expect([...new Set(assignment.map(({ topic }) => topic))]).toEqual(topics);
    });

    it("raises the generation when clients come, change and go, and not before", async () => {
      const topic = await createTopic(api);
      const group = await createGroup(api, [topic]);
      const first = (await heartbeat(group, "c1")).generation;
      const second = (await heartbeat(group, "c2")).generation;
      expect(second).toBe(first + 1);
      for (const client of ["c1", "c2", "c1"]) expect((await heartbeat(group, client)).generation).toBe(second);
      expect((await heartbeat(group, "c2", { room: "az1" })).generation).toBe(first + 2);
      expect((await api.delete(pathOf(group, "c2"))).status).toBe(204);
      const { generation, assignment } = await heartbeat(group, "c1");
      expect(generation).toBe(first + 3);
      expect(assignment.map(({ queueId }) => queueId)).toEqual(numbers(4));
    });

    it("raises the generation when the queues or the strategy change, and at no other change", async () => {
      const topic = await createTopic(api, { queues: 2 });
      const group = await createGroup(api, [topic]);
      const first = (await heartbeat(group, "c1")).generation;
      const generationAfter = async (path: string, patch: object) => {
        expect((await api.patch(path, patch)).status).toBe(200);
        await api.changesKnown();
        return (await heartbeat(group, "c1")).generation;
      };
      expect(await generationAfter(`/v1/topics/${topic}`, { queues: 4 })).toBe(first + 1);
      expect(await generationAfter(`/v1/groups/${group}`, { assignment: "CONSISTENT_HASH" })).toBe(first + 2);
      expect(await generationAfter(`/v1/topics/${topic}`, { retentionHours: 9 })).toBe(first + 2);
      expect(await generationAfter(`/v1/groups/${group}`, { maxAttempts: 9 })).toBe(first + 2);
    });

    it("lets clients that come together agree", async () => {
      const topic = await createTopic(api, { queues: 16 });
      const group = await createGroup(api, [topic]);
      const clients = numbers(12).map((index) => `c${index}`);
      await Promise.all(clients.map((client) => heartbeat(group, client)));
      const answers = await Promise.all(clients.map((client) => heartbeat(group, client)));
      expect(new Set(answers.map(({ generation }) => generation)).size).toBe(1);
      const owned = answers.flatMap(({ assignment }) => assignment.map(({ queueId }) => queueId));
      expect(owned.sort((a, b) => a - b)).toEqual(numbers(16));
    });

    it("lists its clients by id, in pages", async () => {
      const topics = [await createTopic(api), await createTopic(api)].sort();
      const group = await createGroup(api, topics);
      await heartbeat(group, "b", { subscriptions: [topics[0]!], room: "az2" });
      await heartbeat(group, "a");
      const path = `/v1/groups/${group}/clients`;
      const all = (await api.get(path)).json;
      expect(all).toMatchObject({ nextCursor: null, complete: true });
      const time = expect.stringMatching(/^\d{4}-.*Z$/);
      const times = { firstSeenAt: time, lastSeenAt: time, expiresAt: time };
      expect(all.items).toEqual([
        { id: "a", subscriptions: topics, room: null, ...times },
        { id: "b", subscriptions: [topics[0]], room: "az2", ...times },
      ]);
      const page = (await api.get(`${path}?limit=1`)).json;
      expect(page.items).toEqual(all.items.slice(0, 1));
      const next = (await api.get(`${path}?limit=1&cursor=${page.nextCursor}`)).json;
      expect(next).toEqual({ items: all.items.slice(1), nextCursor: null, complete: true });
      expect((await api.get(`${path}?prefix=b`)).json.items).toEqual(all.items.slice(1));
    });

    it("lets a client leave at once", async () => {
      const group = await createGroup(api, [await createTopic(api)]);
      await heartbeat(group, "c1");
      expect((await api.delete(pathOf(group, "c1"))).status).toBe(204);
      expect((await api.get(`/v1/groups/${group}/clients`)).json.items).toEqual([]);
      expectProblem(await api.delete(pathOf(group, "c1")), 404, "NOT_FOUND", "c1");
      expectProblem(await api.delete(pathOf(group, "never")), 404, "NOT_FOUND");
      expect((await api.put(pathOf(group, "c1"))).status).toBe(201);
    });

    it("counts the clients of a group", async () => {
      const group = await createGroup(api, [await createTopic(api)]);
      const shown = async () => [
        (await api.get(`/v1/groups/${group}`)).json.consumersOnline,
        (await api.get(`/v1/groups?prefix=${group}&withLag=true`)).json.items[0].consumersOnline,
      ];
      expect(await shown()).toEqual([0, 0]);
      await heartbeat(group, "c1");
      await heartbeat(group, "c2");
      expect(await shown()).toEqual([2, 2]);
      expect((await api.get(`/v1/groups?prefix=${group}`)).json.items[0]).not.toHaveProperty("consumersOnline");
    });

    it("takes RocketMQ's ids, and refuses others", async () => {
      const group = await createGroup(api, [await createTopic(api)]);
      const ids = ["10.0.0.1@DEFAULT", "10.0.0.1@12345#6".replace("#", "@"), "fe80::1@a_b", "x".repeat(255)];
      for (const id of ids) await heartbeat(group, id);
      const listed = (await api.get(`/v1/groups/${group}/clients`)).json.items;
      expect(listed.map((item: { id: string }) => item.id)).toEqual([...ids].sort());
      for (const id of ["x".repeat(256), "a b", "a/b", "ü", "-a", "__proto__", "a%b", "a\u0000"]) {
        expectProblem(await api.put(pathOf(group, id)), 400, "BAD_REQUEST");
        expectProblem(await api.delete(pathOf(group, id)), 400, "BAD_REQUEST");
      }
    });

    it("refuses a topic that the group is not subscribed to, and says what to do", async () => {
      const topic = await createTopic(api);
      const other = await createTopic(api);
      const group = await createGroup(api, [topic]);
      const refused = await api.put(pathOf(group, "c1"), { subscriptions: [topic, other] });
      expectProblem(refused, 400, "BAD_REQUEST", `PUT /v1/groups/${group}/subscriptions/${other}`);
      expect(refused.json.errors[0].field).toBe("/subscriptions/1");
      expect((await api.get(`/v1/groups/${group}/clients`)).json.items).toEqual([]);
      await subscribe(api, group, other);
      expect((await heartbeat(group, "c1", { subscriptions: [topic, other] })).assignment).toHaveLength(8);
    });

    it("refuses what is no heartbeat, and groups that are not there", async () => {
      const topic = await createTopic(api);
      const path = pathOf(await createGroup(api, [topic]), "c1");
      const wrong: object[] = [
        { subscriptions: [] },
        { subscriptions: topic },
        { subscriptions: [topic, topic] },
        { subscriptions: [1] },
        { room: "" },
        { room: "a@b" },
        { room: "x".repeat(65) },
        { leaseSeconds: 5 },
      ];
      for (const request of wrong) expect((await api.put(path, request)).status, JSON.stringify(request)).toBe(400);
      const absent = uniqueName("absent");
      expectProblem(await api.put(pathOf(absent, "c1")), 404, "CONSUMER_GROUP_NOT_FOUND");
      expectProblem(await api.delete(pathOf(absent, "c1")), 404, "CONSUMER_GROUP_NOT_FOUND");
      expectProblem(await api.get(`/v1/groups/${absent}/clients`), 404, "CONSUMER_GROUP_NOT_FOUND");
      expectProblem(await api.post(path), 405, "METHOD_NOT_ALLOWED");
    });
  });

  describe("PROTOCOL 3.8 assignments", () => {
    const three = { a: {}, b: {}, c: {} };

    it.each([
      ["AVG", { a: [0, 1, 2], b: [3, 4, 5], c: [6, 7] }],
      ["AVG_BY_CIRCLE", { a: [0, 3, 6], b: [1, 4, 7], c: [2, 5] }],
    ])("%s shares 8 queues among 3 clients", async (assignment, queues) => {
      const group = await createGroup(api, [await createTopic(api, { queues: 8 })], { assignment });
      expect(await queuesOf(group, three)).toEqual(queues);
    });

    it("CONSISTENT_HASH moves only the queues of the client that goes", async () => {
      const group = await createGroup(api, [await createTopic(api, { queues: 32 })], { assignment: "CONSISTENT_HASH" });
      const before = await queuesOf(group, three);
      expect(
        Object.values(before)
          .flat()
          .sort((a, b) => a - b),
      ).toEqual(numbers(32));
      await api.delete(pathOf(group, "b"));
      const after = await queuesOf(group, { a: {}, c: {} });
      expect([...after.a!, ...after.c!].sort((a, b) => a - b)).toEqual(numbers(32));
      for (const client of ["a", "c"]) expect(after[client]).toEqual(expect.arrayContaining(before[client]!));
    });

    it("CONFIG gives each client what the group's settings name", async () => {
      const topic = await createTopic(api, { queues: 4 });
      const queues = { a: [3, 0].map((queueId) => ({ topic, queueId })), b: [{ topic, queueId: 1 }] };
      const group = await createGroup(api, [topic], { assignment: { strategy: "CONFIG", queues } });
      expect(await queuesOf(group, three)).toEqual({ a: [0, 3], b: [1], c: [] });
    });

    it("MACHINE_ROOM gives each client the queues of its room, or the rooms that are named to all", async () => {
      const topic = await createTopic(api, { queues: 6, rooms: ["az1", "az2"] });
      const clients = { a: { room: "az1" }, b: { room: "az2" }, c: { room: "az2" }, d: {} };
      const group = await createGroup(api, [topic], { assignment: "MACHINE_ROOM" });
      expect(await queuesOf(group, clients)).toEqual({ a: [0, 2, 4], b: [1, 5], c: [3], d: [] });
      const listed = await createGroup(api, [topic], { assignment: { strategy: "MACHINE_ROOM", rooms: ["az2"] } });
      expect(await queuesOf(listed, { a: {}, b: {} })).toEqual({ a: [1, 5], b: [3] });
    });

    it("MACHINE_ROOM_NEARBY shares rooms without clients among all", async () => {
      const topic = await createTopic(api, { queues: 6, rooms: ["az1", "az2", "az3"] });
      const group = await createGroup(api, [topic], { assignment: "MACHINE_ROOM_NEARBY-AVG" });
      const clients = { a: { room: "az1" }, b: { room: "az1" }, c: { room: "az2" } };
      expect(await queuesOf(group, clients)).toEqual({ a: [0, 2], b: [3, 5], c: [1, 4] });
    });

    it("shares a topic among those who consume it", async () => {
      const [orders, returns] = [await createTopic(api, { queues: 2 }), await createTopic(api, { queues: 2 })];
      const group = await createGroup(api, [orders, returns]);
      await heartbeat(group, "a", { subscriptions: [orders] });
      await heartbeat(group, "b", { subscriptions: [orders, returns] });
      const { assignment } = await heartbeat(group, "b", { subscriptions: [orders, returns] });
      expect(assignment).toHaveLength(3);
      expect(assignment).toContainEqual({ topic: orders, queueId: 1 });
    });
  });
}
