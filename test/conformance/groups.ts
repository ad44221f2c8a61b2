import { describe, expect, it } from "vitest";
import { type Api, uniqueName } from "../support/http/http-api.ts";
import { createGroup, createTopic, expectProblem } from "../support/http/http-fixtures.ts";

/** So many different queues, `each` of one topic. */
const numbered = (count: number, each: number) =>
  Array.from({ length: count }, (_, index) => ({ topic: `t${Math.floor(index / each)}`, queueId: index % each }));

export function groupTests(api: Api): void {
  describe("PROTOCOL 3.1 groups", () => {
    it("creates a group with 201 and answers 200 when it is there", async () => {
      const path = `/v1/groups/${uniqueName("group")}`;
      const settings = { ordered: false, maxAttempts: 5, backoff: [1, 2, 3], leaseSeconds: 30, assignment: "AVG" };
      const created = await api.put(path, settings);
      expect(created.status).toBe(201);
      expect(created.json).toMatchObject(settings);
      expect((await api.put(path, settings)).status).toBe(200);
      expect((await api.get(path)).json).toMatchObject({ ...settings, subscriptions: [] });
    });

    it("creates a group with defaults from an empty body", async () => {
      const created = await api.put(`/v1/groups/${uniqueName("group")}`);
      expect(created.status).toBe(201);
      expect(created.json).toMatchObject({ ordered: false, maxAttempts: 17, leaseSeconds: 60, paused: false, assignment: "AVG" });
      expect(created.json.backoff).toHaveLength(16);
      expect(created.json.backoff.slice(0, 3)).toEqual([10, 30, 60]);
    });

    it("takes an exponential backoff", async () => {
      const backoff = { initialSeconds: 5, multiplier: 2, maxSeconds: 7200 };
      const created = await api.put(`/v1/groups/${uniqueName("group")}`, { backoff });
      expect(created.json.backoff).toEqual(backoff);
    });

    it("takes an assignment, and answers it as it was given", async () => {
      const path = `/v1/groups/${await createGroup(api, [])}`;
      const queues = {
        "10.0.0.1@a": [{ topic: "t", queueId: 2 }],
        b: [
          { topic: "t", queueId: 0 },
          { topic: "u", queueId: 0 },
        ],
      };
      const assignments = [
        "AVG_BY_CIRCLE",
        "CONSISTENT_HASH",
        "MACHINE_ROOM",
        "MACHINE_ROOM_NEARBY-CONSISTENT_HASH",
        { strategy: "CONFIG", queues },
        { strategy: "MACHINE_ROOM", rooms: ["az1", "az2"] },
      ];
      for (const assignment of assignments) {
        expect((await api.put(path, { assignment })).json.assignment).toEqual(assignment);
        const etag = (await api.get(path)).headers.get("etag");
        expect((await api.put(path, { assignment })).headers.get("etag")).toBe(etag);
      }
      expect((await api.patch(path, { assignment: null })).json.assignment).toBe("AVG");
    });

    it("refuses what is no assignment", async () => {
      const path = `/v1/groups/${await createGroup(api, [])}`;
      const config = (queues: unknown) => ({ strategy: "CONFIG", queues });
      const one = [{ topic: "t", queueId: 0 }];
      const wrong: [unknown, string][] = [
        ["RANDOM", "/assignment"],
        ["CONFIG", "/assignment"],
        ["MACHINE_ROOM_NEARBY", "/assignment"],
        [config([]), "/assignment/queues"],
        [config({ a: one, b: one }), "/assignment/queues"],
        [config({ a: numbered(513, 256) }), "/assignment/queues"],
        [config({ a: [] }), "/assignment/queues/a"],
        [config({ a: [{ topic: "t", queueId: 256 }] }), "/assignment/queues/a/0/queueId"],
        [config({ a: [{ topic: "t", queueId: 0, weight: 1 }] }), "/assignment/queues/a/0/weight"],
        [config({ "a b": one }), "/assignment/queues/a b"],
        [config(JSON.parse('{"__proto__":[{"topic":"t","queueId":0}]}')), "/assignment/queues/__proto__"],
        [{ strategy: "MACHINE_ROOM", rooms: [] }, "/assignment/rooms"],
        [{ strategy: "MACHINE_ROOM", rooms: ["a", "a"] }, "/assignment/rooms"],
      ];
      for (const [assignment, field] of wrong) {
        const answer = await api.put(path, { assignment });
        expectProblem(answer, 400, "BAD_REQUEST");
        expect(answer.json.errors[0].field).toBe(field);
        expect(answer.json.detail).toMatch(/: (Must|There is|Names|Is|An? ).*\.$/);
      }
      expect((await api.get(path)).json.assignment).toBe("AVG");
    });

    it("patches, guarded by ETag", async () => {
      const path = `/v1/groups/${await createGroup(api, [])}`;
      const etag = (await api.get(path)).headers.get("etag") ?? "";
      const guard = { headers: { "If-Match": etag } };
      expect((await api.patch(path, { maxAttempts: 3 }, guard)).json.maxAttempts).toBe(3);
      expectProblem(await api.patch(path, { maxAttempts: 4 }, guard), 412, "PRECONDITION_FAILED");
      expect((await api.patch(path, { maxAttempts: null })).json.maxAttempts).toBe(17);
    });

    it("shows its subscriptions", async () => {
      const topic = await createTopic(api);
      const group = await createGroup(api, [topic]);
      expect((await api.get(`/v1/groups/${group}`)).json.subscriptions).toMatchObject([{ group, topic }]);
    });

    it("deletes with 204, after telling with dryRun what would go", async () => {
      const topic = await createTopic(api);
      const group = await createGroup(api, [topic]);
      const dry = await api.delete(`/v1/groups/${group}?dryRun=true`);
      expect(dry.status).toBe(200);
      expect(dry.json).toMatchObject({ dryRun: true, subscriptions: [topic], deadLetters: 0 });
      expect((await api.delete(`/v1/groups/${group}`)).status).toBe(204);
      await api.changesKnown();
      expectProblem(await api.get(`/v1/groups/${group}`), 404, "CONSUMER_GROUP_NOT_FOUND");
      expectProblem(await api.post(`/v1/groups/${group}/receive`, {}), 404, "CONSUMER_GROUP_NOT_FOUND");
    });

    it("lists by prefix", async () => {
      const prefix = uniqueName("list");
      for (const letter of ["b", "a"]) await api.put(`/v1/groups/${prefix}-${letter}`);
      const { items } = (await api.get(`/v1/groups?prefix=${prefix}`)).json;
      expect(items.map((item: { name: string }) => item.name)).toEqual([`${prefix}-a`, `${prefix}-b`]);
    });

    it("lists large ones in pages that any server can answer, and goes on at nextCursor", async () => {
      const prefix = uniqueName("large");
      const queues = Object.fromEntries(
        Array.from({ length: 512 }, (_, at) => [
          `${at}-`.padEnd(255, "c"),
          [{ topic: "tu".charAt(at & 1).repeat(64), queueId: at >> 1 }],
        ]),
      );
      const names = Array.from({ length: 24 }, (_, at) => `${prefix}-${String(at).padStart(2, "0")}`);
      for (const name of names) {
        expect((await api.put(`/v1/groups/${name}`, { assignment: { strategy: "CONFIG", queues } })).status).toBe(201);
      }
      const listed: string[] = [];
      for (let cursor: string | null = ""; cursor !== null; ) {
        const page = await api.get(`/v1/groups?prefix=${prefix}${cursor && `&cursor=${cursor}`}`);
        expect(page.status).toBe(200);
        expect(Buffer.byteLength(JSON.stringify(page.text))).toBeLessThanOrEqual(4 * 1_024 * 1_024);
        listed.push(...page.json.items.map((item: { name: string }) => item.name));
        cursor = page.json.nextCursor;
        expect(page.json.complete).toBe(cursor === null);
      }
      expect(listed).toEqual(names);
      for (const name of names) await api.delete(`/v1/groups/${name}`);
    });

    it("suggests the nearest name", async () => {
      const group = await createGroup(api, []);
      const answer = await api.get(`/v1/groups/${group.slice(0, -1)}_`);
      expectProblem(answer, 404, "CONSUMER_GROUP_NOT_FOUND", `Did you mean '${group}'?`);
    });

    it("refuses what is none", async () => {
      for (const name of ["a.b", "x".repeat(65), "%25x"]) {
        expectProblem(await api.put(`/v1/groups/${name}`), 400, "ILLEGAL_CONSUMER_GROUP");
      }
      const path = `/v1/groups/${uniqueName("group")}`;
      const wrong: object[] = [
        { maxAttempts: 0 },
        { maxAttempts: 1_001 },
        { leaseSeconds: 0 },
        { leaseSeconds: 43_201 },
        { backoff: [] },
        { backoff: [-1] },
        { backoff: { initialSeconds: 1 } },
        { ordered: "no" },
        { colour: "red" },
      ];
      for (const settings of wrong) expect((await api.put(path, settings)).status, JSON.stringify(settings)).toBe(400);
      expect((await api.get(path)).status).toBe(404);
    });
  });
}
