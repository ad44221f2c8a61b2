import { describe, expect, it } from "vitest";
import { type Api, uniqueName } from "../support/http/http-api.ts";
import {
  createGroup,
  createTopic,
  eventually,
  expectProblem,
  receiveCount,
  send,
  subscribe,
} from "../support/http/http-fixtures.ts";

export function subscriptionTests(api: Api): void {
  describe("PROTOCOL 3.2 subscriptions", () => {
    it("subscribes with 201 and answers 200 when it is so already", async () => {
      const topic = await createTopic(api);
      const group = await createGroup(api, []);
      const path = `/v1/groups/${group}/subscriptions/${topic}`;
      expectProblem(await api.get(path), 404, "NOT_FOUND");
      const created = await api.put(path, { filter: { type: "TAG", expression: "*" } });
      expect(created.status).toBe(201);
      expect(created.json).toMatchObject({ group, topic, filter: { type: "TAG", expression: "*" } });
      expect((await api.put(path, { filter: { type: "TAG", expression: "*" } })).status).toBe(200);
      expect((await api.get(path)).json).toEqual(created.json);
    });

    it("starts at the latest message where nothing else is said", async () => {
      const topic = await createTopic(api, { queues: 1 });
      const group = await createGroup(api, []);
      await send(api, topic, { body: "before" });
      await subscribe(api, group, topic);
      await send(api, topic, { body: "after" });
      expect((await receiveCount(api, group, 1, { max: 10 })).map(({ body }) => body)).toEqual(["after"]);
    });

    it("starts at the earliest message, or at a time", async () => {
      const topic = await createTopic(api, { queues: 1 });
      await send(api, topic, { body: "first" });
      const firstStored = Date.parse((await api.get(`/v1/topics/${topic}/queues/0/messages?offset=0`)).json.messages[0].storedAt);
      // The next message must be stored in a later millisecond than the first.
      await eventually(async () => (Date.now() > firstStored + 5 ? true : undefined));
      await send(api, topic, { body: "second" });
      const secondStored = (await api.get(`/v1/topics/${topic}/queues/0/messages?offset=1`)).json.messages[0].storedAt;
      const earliest = await createGroup(api, [topic]);
      expect((await receiveCount(api, earliest, 2)).map(({ body }) => body)).toEqual(["first", "second"]);
      const timed = await createGroup(api, []);
      await subscribe(api, timed, topic, { startFrom: { timestamp: secondStored } });
      expect((await receiveCount(api, timed, 1, { max: 10 })).map(({ body }) => body)).toEqual(["second"]);
    });

    it("lets groups share a topic, each with all messages", async () => {
      const topic = await createTopic(api);
      const groups = [await createGroup(api, [topic]), await createGroup(api, [topic])];
      for (const body of ["1", "2", "3"]) await send(api, topic, { body });
      for (const group of groups) {
        expect((await receiveCount(api, group, 3)).map(({ body }) => body).sort()).toEqual(["1", "2", "3"]);
      }
    });

    it("unsubscribes with 204, after telling with dryRun what would go", async () => {
      const topic = await createTopic(api, { queues: 1 });
      const group = await createGroup(api, [topic]);
      for (const body of ["1", "2", "3"]) await send(api, topic, { body });
      await receiveCount(api, group, 1);
      const path = `/v1/groups/${group}/subscriptions/${topic}`;
      const dry = await api.delete(`${path}?dryRun=true`);
      expect(dry.status).toBe(200);
      expect(dry.json).toMatchObject({ dryRun: true, waiting: 2, inFlight: 1 });
      expect((await api.delete(path)).status).toBe(204);
      expect((await api.get(`/v1/groups/${group}`)).json.subscriptions).toEqual([]);
    });

    it("needs the group and the topic to exist", async () => {
      const topic = await createTopic(api);
      const group = await createGroup(api, []);
      expectProblem(await api.put(`/v1/groups/${uniqueName("absent")}/subscriptions/${topic}`), 404, "CONSUMER_GROUP_NOT_FOUND");
      expectProblem(await api.put(`/v1/groups/${group}/subscriptions/${uniqueName("absent")}`), 404, "TOPIC_NOT_FOUND");
    });

    it("gives a group 64 topics and no more, however many come at once, and room again after a deletion", async () => {
      const topics: string[] = [];
      while (topics.length < 68)
        topics.push(...(await Promise.all(Array.from({ length: 4 }, () => createTopic(api, { queues: 1 })))));
      const group = await createGroup(api, topics.slice(0, 60));
      const put = (topic = "") => api.put(`/v1/groups/${group}/subscriptions/${topic}`);
      const answers = await Promise.all(topics.slice(60).map(put));
      const refused = answers.filter(({ status }) => status !== 201);
      expect(refused).toHaveLength(4);
      for (const answer of refused) expectProblem(answer, 409, "QUOTA_EXCEEDED", "64 subscriptions");
      expect((await api.get(`/v1/groups/${group}`)).json.subscriptions).toHaveLength(64);
      expect((await put(topics[0])).status).toBe(200);
      expect((await api.delete(`/v1/groups/${group}/subscriptions/${topics[0]}`)).status).toBe(204);
      expect((await api.delete(`/v1/topics/${topics[1]}`)).status).toBe(204);
      expect((await put(topics[0])).status).toBe(201);
    });

    it("refuses a filter that is none", async () => {
      const topic = await createTopic(api);
      const group = await createGroup(api, []);
      const path = `/v1/groups/${group}/subscriptions/${topic}`;
      expectProblem(await api.put(path, { filter: { type: "REGEX", expression: "a" } }), 400, "BAD_REQUEST");
      expectProblem(await api.put(path, { filter: { type: "TAG" } }), 400, "BAD_REQUEST");
      expectProblem(await api.put(path, { startFrom: "yesterday" }), 400, "BAD_REQUEST");
      expectProblem(await api.put(path, { startFrom: { timestamp: "2026-02-30T00:00:00Z" } }), 400, "BAD_REQUEST");
      const seconds = await api.put(path, { startFrom: { timestamp: Math.floor(Date.now() / 1_000) } });
      expectProblem(seconds, 400, "BAD_REQUEST", "/startFrom/timestamp: Looks like seconds");
    });
  });
}
