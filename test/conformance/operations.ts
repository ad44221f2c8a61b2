import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { Answer, Api } from "../support/http/http-api.ts";

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

const sourceHash = (text: string): string => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

function expectPage({ status, headers }: Answer): void {
  expect(status).toBe(200);
  expect(headers.get("content-type")).toBe("text/html; charset=utf-8");
  expect(headers.get("x-content-type-options")).toBe("nosniff");
  expect(headers.get("referrer-policy")).toBe("no-referrer");
  const policy = headers.get("content-security-policy");
  expect(policy).toMatch(/^default-src 'none';.* base-uri 'none'; form-action 'none'; frame-ancestors 'none'$/);
  expect(policy).not.toMatch(/unsafe-eval|https?:|\*/);
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
        "/v1/topics/{topic}/messages": ["get", "post"],
        "/v1/messages/{messageId}": ["get"],
        "/v1/messages/{messageId}/redeliver": ["post"],
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

    it("sends a browser from its root to the documentation, and tells others where it is", async () => {
      const browser = await api.get("/", { headers: { Accept: "text/html,application/xhtml+xml,*/*;q=0.8" } });
      expect(browser.status).toBe(303);
      expect(browser.headers.get("location")).toBe("/docs");
      const other = await api.get("/");
      expect(other.status).toBe(200);
      expect(other.json).toEqual({ name: "Apogee", docs: "/docs", openapi: "/openapi.json", errors: "/errors" });
    });

    it("shows a page that runs its own scripts alone, by their digests", async () => {
      const page = await api.get("/docs");
      expectPage(page);
      const policy = page.headers.get("content-security-policy");
      const [, path = "", script = ""] = /<script data-renderer="([^"]+)">([\s\S]*?)<\/script>/.exec(page.text) ?? [];
      const renderer = await api.get(path);
      expect(renderer.status).toBe(200);
      expect(renderer.headers.get("content-type")).toMatch(/^text\/javascript/);
      expect(policy).toContain(`script-src ${sourceHash(script)} ${sourceHash(renderer.text)};`);
      expect(page.text + renderer.headers.get("content-type")).not.toMatch(/src=|https?:\/\//);
      expect((await api.get("/docs/renderer.js")).status).toBe(404);
    });

    it("answers the files of the page packed or not, and only once", async () => {
      const { text: page } = await api.get("/docs");
      const [, renderer = ""] = /data-renderer="([^"]+)"/.exec(page) ?? [];
      for (const path of [renderer, "/openapi.json"]) {
        const packed = await api.get(path, { headers: { "Accept-Encoding": "gzip, br" } });
        const plain = await api.get(path, { headers: { "Accept-Encoding": "gzip;q=0, identity" } });
        expect(packed.headers.get("content-encoding")).toBe("gzip");
        expect(plain.headers.get("content-encoding")).toBeNull();
        expect(packed.text).toBe(plain.text);
        for (const { headers } of [packed, plain]) {
          expect(headers.get("vary")).toBe("Accept-Encoding");
          expect(headers.get("x-content-type-options")).toBe("nosniff");
        }
      }
      const { headers } = await api.get(renderer);
      expect(headers.get("cache-control")).toContain("immutable");
      const again = await api.get(renderer, { headers: { "If-None-Match": headers.get("etag") ?? "" } });
      expect([again.status, again.text]).toEqual([304, ""]);
    });

    it("explains the errors on a page without script", async () => {
      const page = await api.get("/errors");
      expectPage(page);
      expect(page.text).toContain("TOPIC_NOT_FOUND");
      expect(page.text).not.toMatch(/<script|src=|https?:\/\//);
      expect(page.headers.get("content-security-policy")).not.toContain("script-src");
    });
  });
}
