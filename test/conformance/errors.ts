import { describe, expect, it } from "vitest";
import { type Api, uniqueName } from "../support/http/http-api.ts";
import { createGroup, createTopic, expectProblem } from "../support/http/http-fixtures.ts";

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

    it("names the route that was probably meant", async () => {
      const cases: [string, string, string][] = [
        ["GET", "/v1/topic", "GET /v1/topics"],
        ["GET", "/v1/topics/", "GET /v1/topics"],
        ["GET", "/topics", "GET /v1/topics"],
        ["GET", "/v2/topics", "GET /v1/topics"],
        ["POST", "/v1/topic/orders/message", "POST /v1/topics/{topic}/messages"],
        ["POST", "/v1/groups/billing/recieve", "POST /v1/groups/{group}/receive"],
        ["PUT", "/v1/groups/billing/subscriptions", "PUT /v1/groups/{group}/subscriptions/{topic}"],
        ["GET", "/healthy", "GET /healthz"],
      ];
      for (const [method, path, meant] of cases)
        expectProblem(await api.send(method, path), 404, "NOT_FOUND", `Did you mean ${meant}?`);
      for (const path of ["/v1", "/favicon.ico", "/v1/a/b/c/d/e/f/g/h/i/j/k", `/v1/${"topics".repeat(50)}`])
        expect((await api.get(path)).json.detail).toBe("There is no such route. See /docs for the routes.");
    });

    it("says how something is created where it is listed", async () => {
      for (const [path, made] of [
        ["/v1/topics", "/v1/topics/{topic}"],
        ["/v1/groups", "/v1/groups/{group}"],
        ["/v1/producer-groups", "/v1/producer-groups/{producerGroup}"],
      ] as const)
        expectProblem(await api.post(path, { name: "x" }), 405, "METHOD_NOT_ALLOWED", `Create one with PUT ${made}.`);
    });

    it("answers 405 with Allow for a wrong method", async () => {
      const topic = await createTopic(api);
      const cases: [string, string, string][] = [
        ["POST", "/v1/topics", "GET, HEAD"],
        ["POST", `/v1/topics/${topic}`, "GET, HEAD, PUT, PATCH, DELETE"],
        ["PUT", "/v1/topics/x/messages", "GET, HEAD, POST"],
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

    it("says of a topic or group that is not there that it is not, whatever the method", async () => {
      const absent = uniqueName("absent");
      expectProblem(await api.post(`/v1/topics/${absent}`, { body: "x" }), 404, "TOPIC_NOT_FOUND", `PUT /v1/topics/${absent}`);
      expectProblem(await api.post(`/v1/groups/${absent}`, {}), 404, "CONSUMER_GROUP_NOT_FOUND");
      expectProblem(await api.post("/v1/topics/%zz", {}), 400, "BAD_REQUEST");
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

    it("suggests the field, the parameter or the header that was probably meant", async () => {
      const topic = await createTopic(api, { type: "MIXED" });
      const topicPath = `/v1/topics/${topic}`;
      const group = await createGroup(api, [topic]);
      const cases: [string, object, string][] = [
        [`${topicPath}/messages`, { body: "x", tags: "a" }, "/tags: There is no such field. Did you mean 'tag'?"],
        [`${topicPath}/messages`, { body: "x", key: "a" }, "/key: There is no such field. Did you mean 'keys'?"],
        [`${topicPath}/messages`, { body: "x", delay: 1 }, "/delay: There is no such field. Did you mean 'delaySeconds'?"],
        [`${topicPath}/messages`, { body: "x", MessageBody: 1 }, "Did you mean 'body'?"],
        [`${topicPath}/messages`, { body: "x", zzzzz: 1 }, "/zzzzz: There is no such field."],
        [`/v1/groups/${group}/receive`, { maxMessages: 10 }, "Did you mean 'max'?"],
        [`/v1/groups/${group}/receive`, { visibilityTimeout: 10 }, "Did you mean 'leaseSeconds'?"],
        [`/v1/groups/${group}/settle`, { ack: [] }, "Did you mean 'acks'?"],
        [`/v1/groups/${group}/settle`, { acks: [{ handle: "x" }] }, "Did you mean 'receiptHandle'?"],
      ];
      for (const [path, body, detail] of cases) {
        const answer = await api.post(path, body);
        expectProblem(answer, 400, "BAD_REQUEST");
        expect(
          answer.json.errors.map((error: { field: string; detail: string }) => `${error.field}: ${error.detail}`),
        ).toContainEqual(expect.stringMatching(new RegExp(`${detail.replaceAll(/[.?]/g, "\\$&")}$`)));
      }
      const { results } = (await api.post(`${topicPath}/messages/batch`, { entries: [{ bdy: "x" }] })).json;
      expect(results[0].error.detail).toBe("/bdy: There is no such field. Did you mean 'body'? (and 1 more)");
      expectProblem(await api.get("/v1/topics?limt=1"), 400, "BAD_REQUEST", "There is no such parameter. Did you mean 'limit'?");
      const published = await api.send("POST", `${topicPath}/publish`, "x", { headers: { "X-MQ-Tags": "a" } });
      expectProblem(published, 400, "BAD_REQUEST", "There is no such header. Did you mean 'x-mq-tag'?");
    });

    it("says what is required, and what form a value has", async () => {
      const topic = await createTopic(api, { type: "MIXED" });
      const group = await createGroup(api, [topic]);
      const subscription = `/v1/groups/${group}/subscriptions/${topic}`;
      const says = async (answer: ReturnType<Api["post"]>, detail: string) =>
        expectProblem(await answer, 400, "BAD_REQUEST", detail);
      await says(api.post(`/v1/topics/${topic}/transactions`, { body: "x" }), "/producerGroup: Is required.");
      await says(api.put(subscription, { filter: "created" }), '/filter: Must be an object: {"type", "expression"}.');
      await says(api.put(subscription, { filter: {} }), "/filter/type: Is required. (and 1 more)");
      await says(
        api.put(subscription, { startFrom: { timestamps: 1 } }),
        "/startFrom/timestamps: There is no such field. Did you mean 'timestamp'?",
      );
      await says(api.post(`/v1/groups/${group}/settle`, { acks: ["h"] }), '/acks/0: Must be an object: {"receiptHandle"}.');
      await says(api.post(`/v1/topics/${topic}/messages`, [] as unknown as object), '/: Must be an object: {"body", …}.');
      await says(api.put(`/v1/groups/${group}`, { backoff: [] }), "/backoff: Must have at least one step.");
      await says(api.put(`/v1/groups/${group}`, { backoff: [1, "2"] }), "/backoff/1: Must be a whole number");
      await says(api.put(`/v1/groups/${group}`, { backoff: "fast" }), "/backoff: Must be a list of seconds or");
      await says(
        api.put(`/v1/groups/${group}`, { backoff: { initialSeconds: 1, multiplier: 0, maxSeconds: 1 } }),
        "/backoff/multiplier",
      );
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
