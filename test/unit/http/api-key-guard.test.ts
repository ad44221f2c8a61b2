import { createHash } from "node:crypto";
import { Script } from "node:vm";
import pino from "pino";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ApiKeyGuard } from "../../../functions/http/access/api-key-guard.ts";
import type { ServedBroker } from "../../../functions/http/node/serve-broker.ts";
import { OPEN_DOCUMENTATION_PATHS } from "../../../functions/http/routes/documentation.ts";
import { someKey } from "../../support/aws/function-fixture.ts";
import { type Answer, Api } from "../../support/http/http-api.ts";
import { expectProblem } from "../../support/http/http-fixtures.ts";
import { serveStub } from "../../support/http/stub-broker.ts";

const hashOf = (key: string): Buffer => createHash("sha256").update(key).digest();

describe("a guard", () => {
  const { key } = someKey();

  it("admits who carries the key, whatever the case of the scheme", () => {
    const guard = new ApiKeyGuard([hashOf(key)]);
    for (const header of [`Bearer ${key}`, `bearer ${key}`, `BEARER  ${key}`])
      expect(guard.admits("/v1/topics", header)).toBe(true);
  });

  it("refuses everything else", () => {
    const guard = new ApiKeyGuard([hashOf(key)]);
    const others = [undefined, "", key, "Bearer", "Bearer ", `Basic ${key}`, `Bearer ${key}x`, `Bearer ${key.slice(1)}`];
    others.push(`Bearer ${key} x`, `Bearer ${hashOf(key).toString("hex")}`, `Bearer ${key}, Bearer ${key}`);
    for (const header of others) expect(guard.admits("/v1/topics", header), header).toBe(false);
  });

  it("admits the old key and the new one while both are known", () => {
    const [old, fresh, other] = [someKey().key, someKey().key, someKey().key];
    const guard = new ApiKeyGuard([hashOf(old), hashOf(fresh)]);
    expect([old, fresh, other].map((key) => guard.admits("/", `Bearer ${key}`))).toEqual([true, true, false]);
  });

  it("admits nobody where no key is known", () => {
    const guard = new ApiKeyGuard([]);
    for (const header of [undefined, "Bearer", `Bearer ${key}`]) expect(guard.admits("/v1/topics", header)).toBe(false);
  });
});

describe("a guarded server", () => {
  const { key } = someKey();
  const lines: string[] = [];
  let server: ServedBroker;
  let anyone: Api;
  let holder: Api;

  beforeEach(async () => {
    lines.length = 0;
    const listTopics = () => Promise.resolve({ items: [], next: undefined, complete: true });
    const log = pino({}, { write: (line: string) => void lines.push(line) });
    const guard = ApiKeyGuard.ofKeys([key], ["/healthz", "/readyz", ...OPEN_DOCUMENTATION_PATHS]);
    server = await serveStub({ listTopics }, { log, guard });
    anyone = new Api({ baseUrl: () => server.url });
    holder = new Api({ baseUrl: () => server.url, headers: () => ({ Authorization: `Bearer ${key}` }) });
  });
  afterEach(() => server.stop(0));

  const expectRefused = (answer: Answer) => {
    expectProblem(answer, 401, "UNAUTHORIZED");
    expect(answer.headers.get("www-authenticate")).toBe("Bearer");
  };

  it("answers those without the key 401, on every route and beside them", async () => {
    const document = (await holder.get("/openapi.json")).json;
    let routes = 0;
    for (const [path, item] of Object.entries(document.paths)) {
      if (["/healthz", "/readyz", ...OPEN_DOCUMENTATION_PATHS].includes(path)) continue;
      for (const method of Object.keys(item as object)) {
        expectRefused(await anyone.send(method.toUpperCase(), path.replaceAll(/\{(\w+)\}/g, "x")));
        routes++;
      }
    }
    expect(routes).toBeGreaterThan(20);
    for (const [method, path] of [
      ["GET", "/nowhere"],
      ["GET", "/v1/topics/%zz"],
      ["DELETE", "/v1/topics"],
      ["POST", "/healthz"],
    ]) {
      expectRefused(await anyone.send(method as string, path as string));
    }
  });

  it("says so before it reads the body", async () => {
    const json = { headers: { "Content-Type": "application/json" } };
    expectRefused(await anyone.send("POST", "/v1/topics/t/messages", "{ no json", json));
    expectRefused(await anyone.send("POST", "/v1/topics/t/publish", Buffer.alloc(7 << 20)));
  });

  it("lets those in who have it, and anyone to what is open", async () => {
    expect((await holder.get("/v1/topics")).status).toBe(200);
    expectProblem(await holder.get("/nowhere"), 404, "NOT_FOUND");
    for (const path of ["/healthz", "/readyz", "/", "/docs", "/errors"]) expect((await anyone.get(path)).status).toBe(200);
    expect((await anyone.get("/errors/unauthorized")).status).toBe(302);
  });

  it("never logs a key", async () => {
    await holder.get("/v1/topics");
    await holder.get("/nowhere");
    await anyone.get("/v1/topics", { headers: { Authorization: "Bearer some-other-key" } });
    expect(lines.length).toBe(3);
    expect(lines.join("")).not.toMatch(new RegExp(`${key}|some-other-key`));
  });

  it("documents its scheme, and which routes are open", async () => {
    const { components, paths } = (await holder.get("/openapi.json")).json;
    expect(components.securitySchemes).toEqual({ apiKey: { type: "http", scheme: "bearer" } });
    expect(paths["/v1/topics"].get.security).toEqual([{}, { apiKey: [] }]);
    expect(paths["/v1/topics"].get.responses["401"].description).toBe("UNAUTHORIZED");
    for (const path of ["/healthz", "/docs"]) expect(paths[path].get.security).toEqual([]);
  });

  it("shows strangers the page of the documentation, not what it shows", async () => {
    const { text } = await anyone.get("/docs");
    const [, renderer = ""] = /data-renderer="([^"]+)"/.exec(text) ?? [];
    expect(text).not.toContain("/v1/topics");
    for (const path of [renderer, "/openapi.json"]) {
      expectRefused(await anyone.get(path));
      expect((await holder.get(path)).status).toBe(200);
    }
    expect(() => new Script(/<script[^>]*>([\s\S]*?)<\/script>/.exec(text)?.[1] ?? "")).not.toThrow();
  });
});
