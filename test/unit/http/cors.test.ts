import { afterEach, describe, expect, it } from "vitest";
import { BrokerError } from "../../../core/errors.ts";
import { ApiKeyGuard } from "../../../functions/http/access/api-key-guard.ts";
import type { ServedBroker, ServeOptions } from "../../../functions/http/node/serve-broker.ts";
import { exchangeRaw } from "../../support/http/http-raw.ts";
import { serveStub } from "../../support/http/stub-broker.ts";

const CONSOLE = "https://console.example";
const KEY = "k".repeat(32);

const open: ServedBroker[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) await server.stop(0);
});

async function serve(
  options: Partial<ServeOptions>,
): Promise<(method: string, path: string, headers: object) => Promise<Response>> {
  const verbs = { getTopic: () => Promise.reject(new BrokerError("TOPIC_NOT_FOUND", "None.")) };
  const server = await serveStub(verbs, options);
  open.push(server);
  return (method, path, headers) => fetch(server.url + path, { method, headers: { ...headers } });
}

const asks = (origin: string) => ({
  Origin: origin,
  "Access-Control-Request-Method": "POST",
  "Access-Control-Request-Headers": "authorization,content-type,x-mq-property-order-type",
});

describe("pages of other origins", () => {
  it("may call where the settings name their origin, errors included", async () => {
    const call = await serve({ corsOrigins: [CONSOLE], guard: ApiKeyGuard.ofKeys([KEY], []) });
    const preflight = await call("OPTIONS", "/v1/topics/t/messages", asks(CONSOLE));
    expect(preflight.status).toBe(204);
    expect(Object.fromEntries(preflight.headers)).toMatchObject({
      "access-control-allow-origin": CONSOLE,
      "access-control-allow-credentials": "true",
      "access-control-allow-methods": "GET, HEAD, PUT, PATCH, POST, DELETE",
      "access-control-allow-headers": "authorization,content-type,x-mq-property-order-type",
      "access-control-max-age": "7200",
      vary: "Origin",
    });
    for (const [path, headers, status] of [
      ["/v1/topics/t", { Authorization: `Bearer ${KEY}` }, 404],
      ["/v1/topics/t", {}, 401],
      ["/nowhere", { Authorization: `Bearer ${KEY}` }, 404],
    ] as const) {
      const answer = await call("GET", path, { ...headers, Origin: CONSOLE });
      expect(answer.status).toBe(status);
      expect(answer.headers.get("access-control-allow-origin")).toBe(CONSOLE);
      expect(answer.headers.get("access-control-expose-headers")).toMatch(/ETag.*Retry-After.*X-Request-Id/);
    }
  });

  it("may not call otherwise, and no cache mixes them up", async () => {
    const call = await serve({ corsOrigins: [CONSOLE], guard: ApiKeyGuard.ofKeys([KEY], []) });
    const preflight = await call("OPTIONS", "/v1/topics/t", asks("https://evil.example"));
    expect(preflight.status).toBe(403);
    const answer = await call("GET", "/v1/topics/t", { Origin: "https://evil.example", Authorization: `Bearer ${KEY}` });
    for (const { headers } of [preflight, answer]) {
      expect(headers.get("access-control-allow-origin")).toBeNull();
      expect(headers.get("vary")).toBe("Origin");
    }
  });

  it("are told apart by caches beside what else an answer depends on", async () => {
    const call = await serve({ corsOrigins: [CONSOLE] });
    expect((await call("GET", "/", {})).headers.get("vary")).toBe("Origin, Accept");
    expect((await call("GET", "/", { Origin: CONSOLE })).headers.get("vary")).toBe("Origin, Accept");
  });

  it("may all call where the settings say so, without credentials", async () => {
    const call = await serve({ corsOrigins: ["*"], guard: ApiKeyGuard.ofKeys([KEY], []) });
    for (const [method, headers] of [
      ["OPTIONS", asks("https://any.example")],
      ["GET", { Origin: "https://any.example" }],
    ] as const) {
      const answer = await call(method, "/v1/topics/t", headers);
      expect(answer.headers.get("access-control-allow-origin")).toBe("*");
      expect(answer.headers.get("access-control-allow-credentials")).toBeNull();
    }
  });

  it("reach a server without a key too, where they are named", async () => {
    const call = await serve({ corsOrigins: [CONSOLE] });
    expect((await call("OPTIONS", "/v1/topics/t", asks(CONSOLE))).status).toBe(204);
    expect((await call("DELETE", "/v1/topics/t", { Origin: CONSOLE, "Sec-Fetch-Site": "cross-site" })).status).not.toBe(403);
    expect((await call("DELETE", "/v1/topics/t", { Origin: "https://evil.example" })).status).toBe(403);
  });

  it("are told that the private network may be called, where they ask", async () => {
    const call = await serve({ corsOrigins: [CONSOLE] });
    const asked = { ...asks(CONSOLE), "Access-Control-Request-Private-Network": "true" };
    expect((await call("OPTIONS", "/v1/topics", asked)).headers.get("access-control-allow-private-network")).toBe("true");
  });

  it("are no question where nothing asks: OPTIONS is a method like others", async () => {
    const call = await serve({ corsOrigins: [CONSOLE] });
    expect((await call("OPTIONS", "/v1/topics", {})).status).toBe(405);
  });
});

it("a server without a key answers to names that the settings allow", async () => {
  const server = await serveStub({}, { allowedHosts: ["broker.internal"] });
  open.push(server);
  const statusOf = async (host: string) =>
    (await exchangeRaw(server.url, `GET /nowhere HTTP/1.1\r\nHost: ${host}\r\n\r\n`)).status;
  expect(await statusOf("Broker.Internal:8080")).toBe(404);
  expect(await statusOf("other.internal")).toBe(421);
});
