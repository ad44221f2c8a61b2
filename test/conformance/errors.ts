import { describe, expect, it } from "vitest";
import { type Api, uniqueName } from "../support/http-api.ts";
import { createTopic, expectProblem } from "../support/http-fixtures.ts";

export function errorTests(api: Api): void {
  describe("PROTOCOL 7.1 errors", () => {
    it("answers problem+json with every member", async () => {
      const path = `/v1/topics/${uniqueName("absent")}/messages`;
      const answer = await api.post(path, { body: "x" });
      expectProblem(answer, 404, "TOPIC_NOT_FOUND");
      expect(answer.json).toMatchObject({ title: "Topic not found", instance: path, retryable: false });
    });

    it("explains every type where it points to", async () => {
      const { type } = (await api.get(`/v1/topics/${uniqueName("absent")}`)).json;
      const explained = await api.get(new URL(type, api.baseUrl).pathname);
      expect(explained.status).toBe(302);
      const [page = "", anchor] = (explained.headers.get("location") ?? "").split("#");
      const docs = await api.get(page);
      expect(docs.status).toBe(200);
      expect(docs.text).toContain(`id="${anchor}"`);
      expect((await api.get("/errors/no-such-error")).status).toBe(404);
    });

    it("answers 404 for an unknown route", async () => {
      for (const path of ["/v1", "/v1/", "/v2/topics", "/v1/topics/a/b/c", "/v1/topics/", "/v1//topics", "/favicon.ico"]) {
        expectProblem(await api.get(path), 404, "NOT_FOUND");
      }
      expectProblem(await api.post("/v1/nothing", {}), 404, "NOT_FOUND");
    });

    it("answers 405 with Allow for a wrong method", async () => {
      const cases: [string, string, string][] = [
        ["POST", "/v1/topics", "GET, HEAD"],
        ["POST", "/v1/topics/x", "GET, HEAD, PUT, PATCH, DELETE"],
        ["GET", "/v1/topics/x/messages", "POST"],
        ["PATCH", "/v1/groups/x/subscriptions/y", "GET, HEAD, PUT, DELETE"],
        ["GET", "/v1/groups/x/receive", "POST"],
        ["OPTIONS", "/v1/topics", "GET, HEAD"],
        ["DELETE", "/healthz", "GET, HEAD"],
      ];
      for (const [method, path, allow] of cases) {
        const answer = await api.send(method, path);
        expectProblem(answer, 405, "METHOD_NOT_ALLOWED");
        expect(answer.headers.get("allow")).toBe(allow);
      }
    });

    it("answers HEAD like GET, without the body", async () => {
      const topic = await createTopic(api);
      const head = await api.send("HEAD", `/v1/topics/${topic}`);
      expect(head.status).toBe(200);
      expect(head.text).toBe("");
      expect(head.headers.get("etag")).toBe((await api.get(`/v1/topics/${topic}`)).headers.get("etag"));
      expect((await api.send("HEAD", `/v1/topics/${uniqueName("absent")}`)).status).toBe(404);
    });

    it("names every wrong field", async () => {
      const answer = await api.put(`/v1/topics/${uniqueName("topic")}`, { queues: 0, type: "x", colour: 1 });
      expectProblem(answer, 400, "BAD_REQUEST");
      expect(answer.json.errors.map(({ field }: { field: string }) => field).sort()).toEqual(["/colour", "/queues", "/type"]);
      for (const error of answer.json.errors) expect(error.detail).toEqual(expect.any(String));
    });

    it("refuses an unknown query parameter", async () => {
      for (const path of ["/v1/topics?colour=red", "/v1/topics/x?verbose=1", "/healthz?x", "/v1/groups?limit=1&limit=2"]) {
        const answer = await api.get(path);
        expectProblem(answer, 400, "BAD_REQUEST");
        expect(answer.json.errors).toHaveLength(1);
      }
      expectProblem(await api.delete("/v1/topics/x?dryRun=yes"), 400, "BAD_REQUEST");
      for (const limit of ["0", "-1", "1001", "1.5", "NaN", "1e2", ""]) {
        expectProblem(await api.get(`/v1/topics?limit=${limit}`), 400, "BAD_REQUEST");
      }
    });
  });
}
