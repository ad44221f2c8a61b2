import { describe, expect, it } from "vitest";
import type { Api } from "../support/http/http-api.ts";
import { createGroup, createTopic, expectProblem } from "../support/http/http-fixtures.ts";
import { exchangeRaw, speaksPlainHttp } from "../support/http/http-raw.ts";

const EVIL = "https://evil.example";

/** Of a server that wants no key: others tell strangers by that. */
export function openServerTests(api: Api): void {
  const isOpen = () => Object.keys(api.headers).length === 0 && speaksPlainHttp(api);
  const itOpen = (name: string, test: () => Promise<void>) =>
    it(name, (context) => (isOpen() ? test() : context.skip("needs a server that wants no key, over plain HTTP")));

  describe("PROTOCOL 1.12 a server without a key", () => {
    itOpen("answers to names of its own machine alone", async () => {
      const get = (host: string, path = "/v1/topics") =>
        exchangeRaw(api.baseUrl, `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
      const { port } = new URL(api.baseUrl);
      const own = [
        "localhost",
        `localhost:${port}`,
        "LOCALHOST",
        "apogee.localhost",
        "127.0.0.1",
        `127.0.0.1:${port}`,
        "[::1]:80",
      ];
      for (const host of own) expect((await get(host)).status, host).toBe(200);
      const foreign = ["evil.example", `evil.example:${port}`, "127.0.0.1.evil.example", "localhost.evil.example", "8.8.8.8"];
      for (const host of [...foreign, "localhost.", "notlocalhost", "[::2]", "0.0.0.0"]) {
        const answer = await get(host);
        expect(answer.status, host).toBe(421);
        expect(JSON.parse(answer.body)).toMatchObject({ code: "MISDIRECTED_REQUEST", effect: "none" });
      }
      expect((await get("evil.example", "/docs")).status).toBe(421);
    });

    itOpen("answers probes of any name, and programs too old to have one", async () => {
      const health = "GET /healthz HTTP/1.1\r\nHost: 10.0.0.7\r\nConnection: close\r\n\r\n";
      expect((await exchangeRaw(api.baseUrl, health)).status).toBe(200);
      for (const path of ["/healthz", "/readyz", "/v1/topics"]) {
        expect((await exchangeRaw(api.baseUrl, `GET ${path} HTTP/1.0\r\n\r\n`)).status, path).toBe(200);
        expect((await exchangeRaw(api.baseUrl, `HEAD ${path} HTTP/1.0\r\n\r\n`)).status, path).toBe(200);
      }
      expect((await exchangeRaw(api.baseUrl, "GET /healthz HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n")).status).toBe(200);
    });

    itOpen("does nothing that a page of another origin asks for", async () => {
      const topic = await createTopic(api, { queues: 1 });
      const group = await createGroup(api, [topic]);
      const simple = { "Content-Type": "text/plain" };
      const asked: [string, string, string?][] = [
        ["POST", `/v1/topics/${topic}/publish`, "x"],
        ["POST", `/v1/groups/${group}/pause`],
        ["POST", `/v1/groups/${group}/receive`],
        ["PUT", `/v1/topics/${topic}-2`],
        ["DELETE", `/v1/topics/${topic}`],
        ["GET", "/v1/topics"],
      ];
      for (const [method, path, body] of asked) {
        for (const headers of [
          { Origin: EVIL },
          { Origin: "null" },
          { Origin: "http://localhost:1" },
          { Origin: EVIL, "Sec-Fetch-Site": "cross-site" },
        ]) {
          const answer = await api.send(method, path, body, { headers: { ...simple, ...headers } });
          expectProblem(answer, 403, "ORIGIN_NOT_ALLOWED", "CORS_ORIGINS");
          expect(answer.headers.get("access-control-allow-origin")).toBeNull();
        }
      }
      for (const site of ["cross-site", "same-site"]) {
        const head = `POST /v1/groups/${group}/pause HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: ${site}\r\nContent-Length: 0\r\n\r\n`;
        expect((await exchangeRaw(api.baseUrl, head)).status).toBe(403);
      }
      expect((await api.get(`/v1/groups/${group}`)).json.paused).toBe(false);
      expect((await api.get(`/v1/topics/${topic}/queues`)).json.items[0].maxOffset).toBe("0");
    });

    itOpen("refuses what a browser asks ahead of such a request", async () => {
      const headers = { Origin: EVIL, "Access-Control-Request-Method": "PUT" };
      expectProblem(await api.send("OPTIONS", "/v1/topics/x", undefined, { headers }), 403, "ORIGIN_NOT_ALLOWED");
    });

    itOpen("serves its own pages, and links to its documentation", async () => {
      const own = { Origin: api.baseUrl, "Sec-Fetch-Site": "same-origin" };
      const { host } = new URL(api.baseUrl);
      expect((await api.get("/v1/topics", { headers: own })).status).toBe(200);
      const raw = (path: string, site: string) =>
        exchangeRaw(api.baseUrl, `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nSec-Fetch-Site: ${site}\r\nConnection: close\r\n\r\n`);
      expect((await raw("/v1/topics", "none")).status).toBe(200);
      expect((await raw("/docs", "cross-site")).status).toBe(200);
    });
  });
}
