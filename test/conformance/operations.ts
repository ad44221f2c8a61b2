import { describe, expect, it } from "vitest";
import type { Api } from "../support/http-api.ts";

interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly parameters?: { readonly name: string; readonly in: string }[];
  readonly requestBody?: { readonly content: Record<string, unknown> };
  readonly responses: Record<
    string,
    { readonly description: string; readonly content?: Record<string, { readonly schema: unknown }> }
  >;
}

export function operationTests(api: Api): void {
  describe("PROTOCOL 8 operations", () => {
    it("tells that it serves and that its store answers", async () => {
      for (const path of ["/healthz", "/readyz"]) {
        const answer = await api.get(path);
        expect(answer.status).toBe(200);
        expect(answer.json).toEqual({ status: "ok" });
      }
    });

    it("shows the stored format, and raises it again and again", async () => {
      const before = await api.get("/v1/store");
      expect(before.status).toBe(200);
      const { newest } = before.json;
      const raised = await api.post("/v1/store/raise", {});
      expect(raised.status).toBe(200);
      expect(raised.json).toEqual({ format: newest, writes: newest, newest });
      expect((await api.get("/v1/store")).json).toEqual(raised.json);
    });

    it("describes every endpoint in OpenAPI 3.1", async () => {
      const answer = await api.get("/openapi.json");
      expect(answer.status).toBe(200);
      const document = answer.json;
      expect(document.openapi).toMatch(/^3\.1\./);
      const operations: Record<string, string[]> = {
        "/v1/topics": ["get"],
        "/v1/topics/{topic}": ["delete", "get", "patch", "put"],
        "/v1/topics/{topic}/queues": ["get"],
        "/v1/topics/{topic}/messages": ["post"],
        "/v1/topics/{topic}/messages/batch": ["post"],
        "/v1/topics/{topic}/publish": ["post"],
        "/v1/topics/{topic}/queues/{queueId}/messages": ["get"],
        "/v1/store": ["get"],
        "/v1/store/raise": ["post"],
        "/v1/groups": ["get"],
        "/v1/groups/{group}": ["delete", "get", "patch", "put"],
        "/v1/groups/{group}/subscriptions/{topic}": ["delete", "get", "put"],
        "/v1/groups/{group}/receive": ["post"],
        "/v1/groups/{group}/settle": ["post"],
        "/v1/groups/{group}/ack": ["post"],
      };
      for (const [path, methods] of Object.entries(operations)) {
        expect(Object.keys(document.paths[path] ?? {}).sort(), path).toEqual(methods);
      }
    });

    it("gives every operation an id, a summary, its parameters and its problems", async () => {
      const { paths } = (await api.get("/openapi.json")).json as { paths: Record<string, Record<string, Operation>> };
      const ids = new Set<string>();
      for (const [path, item] of Object.entries(paths)) {
        for (const operation of Object.values(item)) {
          expect(operation.summary).toMatch(/^[A-Z]/);
          expect(ids.has(operation.operationId), operation.operationId).toBe(false);
          ids.add(operation.operationId);
          const named = (operation.parameters ?? []).filter((parameter) => parameter.in === "path").map(({ name }) => name);
          expect(named).toEqual(Array.from(path.matchAll(/\{(\w+)\}/g), ([, name]) => name));
          expect(operation.responses["400"]?.content).toHaveProperty(["application/problem+json"]);
        }
      }
    });

    it("lists the problems that wait, that do not, and whether anything was changed", async () => {
      const { paths, components } = (await api.get("/openapi.json")).json;
      const having = (status: string, code: string): string[] =>
        (Object.values(paths) as Record<string, Operation>[])
          .flatMap((item) => Object.values(item))
          .filter(({ responses }) => responses[status]?.description.split(", ").includes(code))
          .map(({ operationId }) => operationId);
      const sends = ["sendMessage", "publishMessage", "sendHalfMessage"];
      expect(having("429", "TOO_MANY_REQUESTS")).toEqual(expect.arrayContaining([...sends, "receiveMessages", "pullMessages"]));
      expect(having("409", "QUOTA_EXCEEDED")).toEqual(
        expect.arrayContaining(["putTopic", "putGroup", "putSubscription", "putProducerGroup", "heartbeat"]),
      );
      expect(having("504", "REQUEST_TIMEOUT")).toEqual(expect.arrayContaining([...sends, "deleteTopic", "settleMessages"]));
      expect(components.schemas.Effect.enum).toEqual(["none", "unknown"]);
      for (const schema of ["Problem", "EntryError"]) {
        expect(components.schemas[schema].properties.effect).toEqual({ $ref: "#/components/schemas/Effect" });
        expect(components.schemas[schema].required).toContain("effect");
      }
    });

    it("resolves every reference of the document", async () => {
      const document = (await api.get("/openapi.json")).json;
      const references = new Set(JSON.stringify(document).match(/"\$ref":"[^"]+"/g) ?? []);
      expect(references.size).toBeGreaterThan(5);
      for (const reference of references) {
        const [, kind = "", name = ""] = /#\/components\/(\w+)\/([\w-]+)/.exec(reference) ?? [];
        expect(document.components, reference).toHaveProperty([kind, name]);
      }
    });

    it("shows a page that needs nothing but itself", async () => {
      const answer = await api.get("/docs");
      expect(answer.status).toBe(200);
      expect(answer.headers.get("content-type")).toMatch(/^text\/html/);
      expect(answer.headers.get("content-security-policy")).toContain("default-src 'none'");
      expect(answer.text).toContain("/v1/topics/{topic}/messages");
      expect(answer.text).toContain("TOPIC_NOT_FOUND");
      expect(answer.text).not.toMatch(/<script|<link|<img|https?:\/\//);
    });
  });
}
