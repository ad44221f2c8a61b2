import { describe, expect, it } from "vitest";
import { type Api, uniqueName } from "../support/http/http-api.ts";
import { ack, createGroup, createTopic, expectProblem, receiveCount, send } from "../support/http/http-fixtures.ts";

export function topicTests(api: Api): void {
  describe("PROTOCOL 2 topics", () => {
    it("creates a topic with 201 and answers 200 when it is there", async () => {
      const path = `/v1/topics/${uniqueName("topic")}`;
      const settings = { type: "NORMAL", queues: 3, retentionHours: 24, flushMode: "ASYNC_FLUSH" };
      const created = await api.put(path, settings);
      expect(created.status).toBe(201);
      expect(created.json).toMatchObject({ type: "NORMAL", writeQueues: 3, readQueues: 3, retentionHours: 24, perm: 6 });
      const again = await api.put(path, settings);
      expect(again.status).toBe(200);
      expect((await api.get(path)).json).toEqual(created.json);
    });

    it("creates a topic with defaults from an empty body", async () => {
      const path = `/v1/topics/${uniqueName("topic")}`;
      expect((await api.put(path)).status).toBe(201);
      expect((await api.get(path)).json).toMatchObject({
        type: "NORMAL",
        queues: 4,
        writeQueues: 4,
        readQueues: 4,
        retentionHours: 72,
        flushMode: "ASYNC_FLUSH",
        perm: 6,
      });
    });

    it("changes with PUT only what it names", async () => {
      const topic = await createTopic(api, { queues: 2, retentionHours: 5 });
      const changed = await api.put(`/v1/topics/${topic}`, { retentionHours: 6 });
      expect(changed.status).toBe(200);
      expect(changed.json).toMatchObject({ writeQueues: 2, readQueues: 2, retentionHours: 6 });
    });

    it("takes PATCH as a merge patch: null restores the default", async () => {
      const topic = await createTopic(api, { queues: 2, retentionHours: 5 });
      const path = `/v1/topics/${topic}`;
      const patched = await api.patch(path, { retentionHours: 9 });
      expect(patched.status).toBe(200);
      expect(patched.json).toMatchObject({ retentionHours: 9, writeQueues: 2 });
      const headers = { "Content-Type": "application/merge-patch+json" };
      expect((await api.patch(path, { retentionHours: null }, { headers })).json.retentionHours).toBe(72);
      expectProblem(await api.patch(`/v1/topics/${uniqueName("absent")}`, {}), 404, "TOPIC_NOT_FOUND");
    });

    it("names the rooms of its queues", async () => {
      const path = `/v1/topics/${await createTopic(api)}`;
      expect((await api.get(path)).json.rooms).toEqual([]);
      expect((await api.put(path, { rooms: ["az1", "az2"] })).json.rooms).toEqual(["az1", "az2"]);
      expect((await api.patch(path, { retentionHours: 9 })).json.rooms).toEqual(["az1", "az2"]);
      expect((await api.patch(path, { rooms: null })).json.rooms).toEqual([]);
      const wrong = [["a", "a"], ["a@b"], [""], "az1", Array.from({ length: 17 }, (_, index) => `az${index}`)];
      for (const rooms of wrong) expectProblem(await api.put(path, { rooms }), 400, "BAD_REQUEST");
    });

    it("guards changes with ETag and If-Match", async () => {
      const path = `/v1/topics/${await createTopic(api)}`;
      const etag = (await api.get(path)).headers.get("etag") ?? "";
      expect(etag).toMatch(/^"[^"]+"$/);
      const first = await api.patch(path, { retentionHours: 10 }, { headers: { "If-Match": etag } });
      expect(first.status).toBe(200);
      expect(first.headers.get("etag")).not.toBe(etag);
      const stale = { headers: { "If-Match": etag } };
      expectProblem(await api.patch(path, { retentionHours: 11 }, stale), 412, "PRECONDITION_FAILED");
      expectProblem(await api.put(path, { retentionHours: 11 }, stale), 412, "PRECONDITION_FAILED");
      expectProblem(await api.delete(path, stale), 412, "PRECONDITION_FAILED");
      expect((await api.get(path)).json.retentionHours).toBe(10);
      const list = { headers: { "If-Match": `"other", ${first.headers.get("etag")}` } };
      expect((await api.patch(path, { retentionHours: 12 }, list)).status).toBe(200);
      expect((await api.patch(path, { retentionHours: 13 }, { headers: { "If-Match": "*" } })).status).toBe(200);
    });

    it("does not create a topic under If-Match: *", async () => {
      const path = `/v1/topics/${uniqueName("topic")}`;
      expectProblem(await api.put(path, {}, { headers: { "If-Match": "*" } }), 412, "PRECONDITION_FAILED");
      expect((await api.get(path)).status).toBe(404);
    });

    it("refuses a malformed If-Match, and If-None-Match on a write", async () => {
      const path = `/v1/topics/${await createTopic(api)}`;
      expectProblem(await api.put(path, {}, { headers: { "If-Match": "unquoted" } }), 400, "BAD_REQUEST");
      expectProblem(await api.put(path, {}, { headers: { "If-None-Match": "*" } }), 400, "BAD_REQUEST", "not available yet");
    });

    it("deletes with 204, after telling with dryRun what would go", async () => {
      const topic = await createTopic(api, { queues: 1 });
      const group = await createGroup(api, [topic]);
      for (const body of ["1", "2", "3"]) await send(api, topic, { body });
      const dry = await api.delete(`/v1/topics/${topic}?dryRun=true`);
      expect(dry.status).toBe(200);
      expect(dry.json).toMatchObject({ dryRun: true, messages: 3, groups: [group] });
      expect((await api.get(`/v1/topics/${topic}`)).status).toBe(200);
      const gone = await api.delete(`/v1/topics/${topic}`);
      expect(gone.status).toBe(204);
      expect(gone.text).toBe("");
      await api.changesKnown();
      expectProblem(await api.get(`/v1/topics/${topic}`), 404, "TOPIC_NOT_FOUND");
      expectProblem(await api.delete(`/v1/topics/${topic}`), 404, "TOPIC_NOT_FOUND");
      expectProblem(await api.post(`/v1/topics/${topic}/messages`, { body: "x" }), 404, "TOPIC_NOT_FOUND");
    });

    it("starts clean when a topic is made anew under an old name", async () => {
      const topic = await createTopic(api, { queues: 1 });
      await send(api, topic, { body: "old" });
      await api.delete(`/v1/topics/${topic}`);
      expect((await api.put(`/v1/topics/${topic}`, { queues: 1 })).status).toBe(201);
      await api.changesKnown();
      expect((await send(api, topic, { body: "new" })).offset).toBe("0");
      const pulled = await api.get(`/v1/topics/${topic}/queues/0/messages?offset=0`);
      expect(pulled.json.messages.map((message: { body: string }) => message.body)).toEqual(["new"]);
    });

    it("lists by prefix and type", async () => {
      const prefix = uniqueName("list");
      await api.put(`/v1/topics/${prefix}-normal`);
      await api.put(`/v1/topics/${prefix}-fifo`, { type: "FIFO" });
      const names = async (query: string) =>
        (await api.get(`/v1/topics?prefix=${prefix}${query}`)).json.items.map((item: { name: string }) => item.name);
      expect(await names("")).toEqual([`${prefix}-fifo`, `${prefix}-normal`]);
      expect(await names("&type=FIFO")).toEqual([`${prefix}-fifo`]);
    });

    it("grows and shrinks the queues without losing a message", async () => {
      const topic = await createTopic(api, { queues: 2 });
      const group = await createGroup(api, [topic]);
      const path = `/v1/topics/${topic}`;
      expect((await api.patch(path, { queues: 4 })).json).toMatchObject({ writeQueues: 4, readQueues: 4 });
      const bodies = Array.from({ length: 16 }, (_, index) => `m${index}`);
      const sent = await api.post(`${path}/messages/batch`, { entries: bodies.map((body) => ({ body })) });
      expect(sent.json.results.every((result: { status: string }) => result.status === "SEND_OK")).toBe(true);
      // Fewer queues are written at once; the others are read until they are empty.
      expect((await api.patch(path, { writeQueues: 1 })).json).toMatchObject({ writeQueues: 1, readQueues: 4 });
      const received = await receiveCount(api, group, bodies.length);
      expect(received.map(({ body }) => body).sort()).toEqual([...bodies].sort());
      await ack(api, group, received);
    });

    it("shows the route of its queues", async () => {
      const topic = await createTopic(api, { writeQueues: 1, readQueues: 2 });
      await send(api, topic, { body: "x" });
      const { items } = (await api.get(`/v1/topics/${topic}/queues`)).json;
      expect(items.map((item: { queueId: number }) => item.queueId)).toEqual([0, 1]);
      expect(items[0]).toMatchObject({ readable: true, writable: true, minOffset: "0", maxOffset: "1" });
      expect(items[0].lastStoredAt).toMatch(/Z$/);
      expect(items[1]).toMatchObject({ readable: true, writable: false, minOffset: "0", maxOffset: "0", lastStoredAt: null });
    });

    it("refuses names that are none", async () => {
      for (const name of ["a.b", "a b", "%25DLQ%25x", "ü", "x".repeat(65), "x".repeat(1_000), "a%2Fb", "%00"]) {
        expectProblem(
          await api.put(`/v1/topics/${name.startsWith("%") ? name : encodeURIComponent(name)}`),
          400,
          "ILLEGAL_TOPIC",
        );
      }
      expect((await api.put(`/v1/topics/${uniqueName("A_z-0")}`)).status).toBe(201);
    });

    it("keeps the topics of the broker's own as they are", async () => {
      const group = await createGroup(api, []);
      const settings = (await api.get(`/v1/topics/%25DLQ%25${group}`)).json;
      for (const name of [`%25DLQ%25${group}`, `%25RETRY%25${group}%25orders`]) {
        expectProblem(await api.patch(`/v1/topics/${name}`, { retentionHours: 1 }), 403, "FORBIDDEN");
        expectProblem(await api.delete(`/v1/topics/${name}`), 403, "FORBIDDEN");
        expectProblem(await api.delete(`/v1/topics/${name}?dryRun=true`), 403, "FORBIDDEN");
        expectProblem(await api.put(`/v1/topics/${name}`, { retentionHours: 1 }), 400, "ILLEGAL_TOPIC");
      }
      expect((await api.get(`/v1/topics/%25DLQ%25${group}`)).json).toEqual(settings);
    });

    it("refuses settings beyond the limits, and names them", async () => {
      const path = `/v1/topics/${uniqueName("topic")}`;
      const wrong: [object, string][] = [
        [{ queues: 0 }, "/queues"],
        [{ queues: 257 }, "/queues"],
        [{ queues: 1.5 }, "/queues"],
        [{ queues: "4" }, "/queues"],
        [{ retentionHours: 0 }, "/retentionHours"],
        [{ retentionHours: 1e300 }, "/retentionHours"],
        [{ type: "LIFO" }, "/type"],
        [{ flushMode: "sync" }, "/flushMode"],
        [{ perm: 3 }, "/perm"],
        [{ colour: "red" }, "/colour"],
      ];
      for (const [settings, field] of wrong) {
        const answer = await api.put(path, settings);
        expectProblem(answer, 400, "BAD_REQUEST");
        expect(answer.json.errors.map((error: { field: string }) => error.field)).toEqual([field]);
      }
      expect((await api.put(path, { writeQueues: 3, readQueues: 2 })).status).toBe(400);
      expect((await api.get(path)).status).toBe(404);
    });

    it("lets perm forbid receiving, of that topic alone", async () => {
      const [open, closed] = [await createTopic(api), await createTopic(api)];
      const group = await createGroup(api, [open, closed]);
      for (const topic of [open, closed]) await send(api, topic, { body: topic });
      const forbid = async (topic: string) => {
        await api.patch(`/v1/topics/${topic}`, { perm: 2 });
        await api.changesKnown();
      };
      const path = `/v1/groups/${group}/receive`;
      await forbid(closed);
      expect((await receiveCount(api, group, 1, { max: 10 })).map(({ body }) => body)).toEqual([open]);
      expectProblem(await api.post(path, { topics: [closed] }), 403, "FORBIDDEN");
      await forbid(open);
      expectProblem(await api.post(path, {}), 403, "FORBIDDEN");
    });

    it("lets perm forbid sending", async () => {
      const topic = await createTopic(api, { perm: 4 });
      expectProblem(await api.post(`/v1/topics/${topic}/messages`, { body: "x" }), 403, "FORBIDDEN");
      await api.patch(`/v1/topics/${topic}`, { perm: 6 });
      await api.changesKnown();
      await send(api, topic, { body: "x" });
    });
  });
}
