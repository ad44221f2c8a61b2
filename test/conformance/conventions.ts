import { describe, expect, it } from "vitest";
import { type Api, uniqueName } from "../support/http/http-api.ts";
import { createTopic, expectProblem, send } from "../support/http/http-fixtures.ts";

const RFC_3339_MS = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

export function conventionTests(api: Api): void {
  describe("PROTOCOL 1 conventions", () => {
    it("answers every request with a request id and its timing", async () => {
      for (const path of ["/v1/topics", "/v1/topics/no-such-topic", "/nowhere"]) {
        const answer = await api.get(path);
        expect(answer.headers.get("x-request-id")).toMatch(/^[A-Za-z0-9._-]{1,64}$/);
        expect(answer.headers.get("server-timing")).toMatch(/^total;dur=\d+(\.\d+)?$/);
      }
    });

    it("keeps a plain request id of the client and replaces any other", async () => {
      const own = await api.get("/v1/topics", { headers: { "X-Request-Id": "my.request_1-a" } });
      expect(own.headers.get("x-request-id")).toBe("my.request_1-a");
      for (const odd of ["has a blank", "x".repeat(65), "<script>"]) {
        const answer = await api.get("/v1/topics", { headers: { "X-Request-Id": odd } });
        expect(answer.headers.get("x-request-id")).not.toBe(odd);
      }
    });

    it("writes times in RFC 3339 with milliseconds", async () => {
      const topic = await createTopic(api);
      const { json } = await api.get(`/v1/topics/${topic}`);
      expect(json.createdAt).toMatch(RFC_3339_MS);
      expect(json.updatedAt).toMatch(RFC_3339_MS);
      expect(Math.abs(Date.parse(json.createdAt) - Date.now())).toBeLessThan(60_000);
    });

    it("pages through a list with an opaque cursor, and says when it is complete", async () => {
      const prefix = uniqueName("page");
      const names = ["a", "b", "c", "d", "e"].map((letter) => `${prefix}-${letter}`);
      for (const name of names) await api.put(`/v1/topics/${name}`);
      const found: string[] = [];
      let cursor: string | null = null;
      let pages = 0;
      do {
        const query = `prefix=${prefix}&limit=2${cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`}`;
        const { status, json } = await api.get(`/v1/topics?${query}`);
        expect(status).toBe(200);
        expect(json.complete).toEqual(expect.any(Boolean));
        expect(json.items.length).toBeLessThanOrEqual(2);
        found.push(...json.items.map((item: { name: string }) => item.name));
        cursor = json.nextCursor;
        pages++;
      } while (cursor !== null && pages < 20);
      expect(found).toEqual(names);
    });

    it("refuses a cursor that is forged, cut or of another list", async () => {
      const prefix = uniqueName("cursor");
      for (const letter of ["a", "b"]) await api.put(`/v1/topics/${prefix}-${letter}`);
      const { nextCursor } = (await api.get(`/v1/topics?prefix=${prefix}&limit=1`)).json;
      const use = (path: string, value: string) => api.get(`${path}&limit=1&cursor=${encodeURIComponent(value)}`);
      expect((await use(`/v1/topics?prefix=${prefix}`, nextCursor)).status).toBe(200);
      const flipped = (nextCursor[20] === "A" ? "B" : "A") as string;
      for (const forged of [
        nextCursor.slice(0, 20) + flipped + nextCursor.slice(21),
        nextCursor.slice(0, -1),
        "x",
        "%00",
        "AAAA",
      ]) {
        expectProblem(await use(`/v1/topics?prefix=${prefix}`, forged), 400, "BAD_REQUEST");
      }
      expectProblem(await use("/v1/topics?prefix=other", nextCursor), 400, "BAD_REQUEST");
      expectProblem(await use("/v1/groups?", nextCursor), 400, "BAD_REQUEST");
    });

    it("creates nothing by sending, receiving or reading", async () => {
      const name = uniqueName("absent");
      expectProblem(await api.post(`/v1/topics/${name}/messages`, { body: "x" }), 404, "TOPIC_NOT_FOUND");
      expectProblem(await api.post(`/v1/groups/${name}/receive`, {}), 404, "CONSUMER_GROUP_NOT_FOUND");
      expectProblem(await api.get(`/v1/topics/${name}`), 404, "TOPIC_NOT_FOUND");
      expectProblem(await api.get(`/v1/groups/${name}`), 404, "CONSUMER_GROUP_NOT_FOUND");
    });

    it("suggests the nearest name", async () => {
      const topic = await createTopic(api);
      const misspelt = `${topic.slice(0, -1)}_`;
      const answer = await api.post(`/v1/topics/${misspelt}/messages`, { body: "x" });
      expectProblem(answer, 404, "TOPIC_NOT_FOUND", `Did you mean '${topic}'?`);
    });

    it("writes offsets as strings", async () => {
      const topic = await createTopic(api, { queues: 1 });
      const receipt = await send(api, topic, { body: "x" });
      expect(receipt.offset).toBe("0");
      const queues = await api.get(`/v1/topics/${topic}/queues`);
      expect(queues.json.items[0]).toMatchObject({ queueId: 0, minOffset: "0", maxOffset: "1" });
    });
  });
}
