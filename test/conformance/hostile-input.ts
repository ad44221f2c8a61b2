import { beforeAll, describe, expect, it } from "vitest";
import { type Api, uniqueName } from "../support/http/http-api.ts";
import { createTopic, expectProblem, send } from "../support/http/http-fixtures.ts";
import { exchangeRaw, headerLines, speaksPlainHttp } from "../support/http/http-raw.ts";

const MIB = 1_024 * 1_024;
const JSON_TYPE = { "Content-Type": "application/json" };

export function hostileInputTests(api: Api): void {
  describe("PROTOCOL 7.2 hostile input", () => {
    let topic: string;
    let path: string;
    beforeAll(async () => {
      topic = await createTopic(api, { queues: 1 });
      path = `/v1/topics/${topic}/messages`;
    });
    const post = (body: string | Uint8Array, headers: Record<string, string> = JSON_TYPE) =>
      api.send("POST", path, body, { headers });

    it("refuses broken JSON and says where it breaks", async () => {
      const broken: [string, number][] = [
        ["{", 1],
        ['{"body":"x",}', 12],
        ['{"body" "x"}', 8],
        ["{'body':'x'}", 1],
        ['{"body":"x"} x', 13],
        ['{"body":nil}', 8],
        ['{"body":"a\nb"}', 10],
        ['{"body":"\\q"}', 9],
        ['{"body":01}', 9],
        ["hello", 0],
        ['{"body":"x', 10],
        ["\ufeff\ufeff{}", 0],
        [`{"body":"${"x".repeat(100_000)}`, 100_009],
      ];
      for (const [body, position] of broken) {
        expectProblem(await post(body), 400, "BAD_REQUEST", new RegExp(`position ${position}\\b`));
      }
    });

    it("ignores a byte order mark before JSON, and keeps one that is published", async () => {
      const sent = await post('\ufeff{"body":"hällo"}');
      expect(sent.status, sent.text).toBe(201);
      const published = await api.send("POST", `/v1/topics/${topic}/publish`, '\ufeff{"a":1}', { headers: JSON_TYPE });
      const pulled = async (offset: string) =>
        (await api.get(`/v1/topics/${topic}/queues/0/messages?offset=${offset}&limit=1`)).json.messages[0].body;
      expect(await pulled(sent.json.offset)).toBe("hällo");
      expect(await pulled(published.json.offset)).toBe('\ufeff{"a":1}');
    });

    it("refuses JSON that is not an object", async () => {
      for (const body of ["null", "[]", "1", '"x"', "true"]) expectProblem(await post(body), 400, "BAD_REQUEST");
    });

    it("refuses nesting beyond 20 levels, before parsing it", async () => {
      const nested = (depth: number) => `{"bodyEncoding":"json","body":${"[".repeat(depth - 1)}${"]".repeat(depth - 1)}}`;
      expect((await post(nested(20))).status).toBe(201);
      expectProblem(await post(nested(21)), 400, "BAD_REQUEST", "20 levels");
      expectProblem(await post("[".repeat(3 * MIB)), 400, "BAD_REQUEST", "20 levels");
      expectProblem(await post('{"a":'.repeat(MIB / 2)), 400, "BAD_REQUEST", "20 levels");
      expect((await post(JSON.stringify({ body: "[".repeat(1_000) + '"\\'.repeat(1_000) }))).status).toBe(201);
    });

    it("refuses bytes that are not UTF-8", async () => {
      for (const bytes of [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xe2, 0x82]]) {
        const body = Buffer.concat([Buffer.from('{"body":"'), Buffer.from(bytes), Buffer.from('"}')]);
        expectProblem(await post(body), 400, "BAD_REQUEST", "UTF-8");
      }
    });

    it("refuses half a surrogate pair, and takes a whole one", async () => {
      expectProblem(await post('{"body":"\\ud83d"}'), 400, "BAD_REQUEST", "surrogate");
      expectProblem(await post('{"body":"x","properties":{"\\udc00":"x"}}'), 400, "BAD_REQUEST", "surrogate");
      expect((await post('{"body":"\\ud83d\\ude00"}')).status).toBe(201);
    });

    it("refuses a field given twice, at any depth", async () => {
      expectProblem(await post('{"body":"x","body":"y"}'), 400, "BAD_REQUEST", "twice");
      expectProblem(await post('{"body":"x","properties":{"a":"1","a":"2"}}'), 400, "BAD_REQUEST", "twice");
      expectProblem(await post('{"body":{"k":1,"\\u006b":2},"bodyEncoding":"json"}'), 400, "BAD_REQUEST", "twice");
    });

    it("neither drops nor follows the names that prototypes have", async () => {
      for (const key of ["__proto__", "constructor", "prototype", "toString"]) {
        expectProblem(await post(`{"body":"x","${key}":{"polluted":"yes"}}`), 400, "BAD_REQUEST");
        const nested = await post(`{"body":"x","properties":{"${key}":"v"}}`);
        if (nested.status === 201) {
          const { queueId, offset } = nested.json;
          const pulled = await api.get(`/v1/topics/${topic}/queues/${queueId}/messages?offset=${offset}&limit=1`);
          expect(pulled.text).toContain(`"${key}":"v"`);
        } else expectProblem(nested, 400, "ILLEGAL_MESSAGE_PROPERTY_KEY");
        expect(nested.status).toBe(key === "__proto__" ? 400 : 201);
        const published = await api.send("POST", `/v1/topics/${topic}/publish`, "x", {
          headers: { [`X-MQ-Property-${key}`]: "v" },
        });
        expect(published.status).toBe(nested.status);
      }
      const kept = await post('{"bodyEncoding":"json","body":{"__proto__":{"a":1}}}');
      expect(kept.status).toBe(201);
      const pulled = await api.get(`/v1/topics/${topic}/queues/0/messages?offset=${kept.json.offset}&limit=1`);
      expect(pulled.json.messages[0].body).toBe('{"__proto__":{"a":1}}');
      expectProblem(await api.get("/v1/topics?__proto__=x"), 400, "BAD_REQUEST");
    });

    it("refuses another content type, and says what to send", async () => {
      const types = [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "application/hal+json",
        "application/json; charset=latin1",
      ];
      for (const type of types) {
        expectProblem(
          await post('{"body":"x"}', { "Content-Type": type }),
          415,
          "UNSUPPORTED_MEDIA_TYPE",
          "Content-Type: application/json",
        );
      }
      for (const type of [
        "application/json; charset=utf-8",
        "Application/JSON;charset=UTF-8",
        'application/json; charset="utf-8"',
      ]) {
        expect((await post('{"body":"x"}', { "Content-Type": type })).status).toBe(201);
      }
    });

    it("refuses a compressed body", async () => {
      for (const encoding of ["gzip", "br", "deflate"]) {
        expectProblem(await post('{"body":"x"}', { ...JSON_TYPE, "Content-Encoding": encoding }), 415, "UNSUPPORTED_MEDIA_TYPE");
      }
      expect((await post('{"body":"x"}', { ...JSON_TYPE, "Content-Encoding": "identity" })).status).toBe(201);
    });

    it("refuses a request without a body where one is needed", async () => {
      expectProblem(await post(""), 400, "BAD_REQUEST");
      expectProblem(await api.send("POST", path), 415, "UNSUPPORTED_MEDIA_TYPE");
    });

    it("refuses a request over 6 MiB with an answer the client sees", async () => {
      expectProblem(await post(`{"body":"${"x".repeat(6 * MIB)}"}`), 413, "MESSAGE_BODY_TOO_LARGE");
      expectProblem(await post(Buffer.alloc(7 * MIB, 0x20)), 413, "MESSAGE_BODY_TOO_LARGE");
    });

    it("answers a body without end, and closes", async (context) => {
      if (!speaksPlainHttp(api)) return context.skip("needs a plain HTTP connection");
      const chunk = Buffer.alloc(256 * 1_024, 0x20);
      const frame = Buffer.concat([Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from("\r\n")]);
      const head = `POST ${path} HTTP/1.1\r\nHost: localhost\r\n${headerLines(api)}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`;
      const answer = await exchangeRaw(api.baseUrl, [head, ...Array.from({ length: 40 }, () => frame)]);
      expect(answer.status).toBe(413);
      expect(answer.head).toMatch(/application\/problem\+json/i);
    });

    it("answers what is no HTTP with a problem", async (context) => {
      if (!speaksPlainHttp(api)) return context.skip("needs a plain HTTP connection");
      const cases: [string, number][] = [
        ["hello\r\n\r\n", 400],
        ["GET / HTTP/9.9\r\n\r\n", 400],
        ["GET /v1/topics HTTP/1.1\r\n\r\n", 400],
        ["GET /v1/topics HTTP/1.1\r\nHost: a b\r\n\r\n", 400],
        [`GET /v1/topics HTTP/1.1\r\nHost: localhost\r\nX: ${"y".repeat(70_000)}\r\n\r\n`, 431],
        ["POST /v1/topics/x/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", 400],
        [
          "POST /v1/topics/x/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
          400,
        ],
        ["CONNECT x:80 HTTP/1.1\r\nHost: localhost\r\n\r\n", 405],
        ["BREW /v1/topics HTTP/1.1\r\nHost: localhost\r\n\r\n", 400],
      ];
      for (const [request, status] of cases) {
        const answer = await exchangeRaw(api.baseUrl, request);
        expect(answer.status, request.slice(0, 60)).toBe(status);
        expect(answer.head, request.slice(0, 60)).toMatch(/^X-Request-Id: /im);
        if (answer.body !== "") expect(JSON.parse(answer.body)).toMatchObject({ status, code: expect.any(String) });
      }
    });

    it("survives clients that leave in the middle of a request", async (context) => {
      if (!speaksPlainHttp(api)) return context.skip("needs a plain HTTP connection");
      const head = `POST ${path} HTTP/1.1\r\nHost: localhost\r\n${headerLines(api)}Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"body":`;
      await Promise.all(Array.from({ length: 20 }, () => exchangeRaw(api.baseUrl, head, 100)));
      await send(api, topic, { body: "still here" });
    });

    it("refuses malformed percent-encoding", async () => {
      for (const bad of ["/v1/topics/%zz", "/v1/topics/%", "/v1/topics/%ff", "/nowhere/%e0%a4"]) {
        expectProblem(await api.get(bad), 400, "BAD_REQUEST");
      }
      expectProblem(await api.get(`/v1/topics/%DLQ%${uniqueName("g")}/queues`), 400, "BAD_REQUEST", "%25");
    });

    it("refuses malformed percent-encoding in the query", async (context) => {
      if (api.behindGateway) return context.skip("the gateway writes the query anew");
      expectProblem(await api.get("/v1/topics?prefix=%zz"), 400, "BAD_REQUEST");
    });

    it("refuses names of a thousand characters", async () => {
      const name = "x".repeat(1_000);
      expectProblem(await api.get(`/v1/topics/${name}`), 400, "ILLEGAL_TOPIC");
      expectProblem(await api.post(`/v1/topics/${name}/messages`, { body: "x" }), 400, "ILLEGAL_TOPIC");
      expectProblem(await api.get(`/v1/groups/${name}`), 400, "ILLEGAL_CONSUMER_GROUP");
      expectProblem(await api.post(`/v1/groups/${name}/receive`, {}), 400, "ILLEGAL_CONSUMER_GROUP");
    });

    it("refuses numbers that are none", async () => {
      for (const number of ["-1", "0.5", "1e999", "-0.1", "99999999999999999999", '"1"', "null", "[]"]) {
        const body = `{"queues":${number}}`;
        const answer = await api.send("PUT", `/v1/topics/${uniqueName("t")}`, body, { headers: JSON_TYPE });
        expectProblem(answer, 400, "BAD_REQUEST");
      }
    });

    it("never repeats what it was sent as markup", async () => {
      const answer = await api.get("/v1/<script>alert(1)</script>");
      expect(answer.headers.get("content-type")).toBe("application/problem+json");
    });
  });
}
