import { beforeAll, describe, expect, it } from "vitest";
import type { Api } from "../support/http/http-api.ts";
import { createGroup, createTopic, send } from "../support/http/http-fixtures.ts";
import { exchangeRaw, headerLines, speaksPlainHttp } from "../support/http/http-raw.ts";

/** What may come back, and why. */
type Expected = number | readonly number[];

const LF = "\r\n";
const NUL = "\u0000";

/** Bytes that are no request, or a strange one. `{topic}` is a topic. */
const REQUESTS: Readonly<Record<string, Expected>> = {
  // The request line.
  [LF.repeat(5)]: [0, 400],
  "\u0016\u0003\u0001\u0002\u0000\u0001": 400,
  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n": [0, 400, 505],
  GET: 0,
  "GET\r\n\r\n": 400,
  "GET /healthz\r\n\r\n": [400, 505],
  "GET  /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n": [200, 400],
  "GET /healthz HTTP/1.1 x\r\nHost: localhost\r\n\r\n": 400,
  "GET /healthz HTTP/0.9\r\nHost: localhost\r\n\r\n": [400, 505],
  "GET /healthz HTTP/1.2\r\nHost: localhost\r\n\r\n": [400, 505],
  "GET /healthz HTTP/3.0\r\nHost: localhost\r\n\r\n": [400, 505],
  "GET /healthz HTTP/1.1.1\r\nHost: localhost\r\n\r\n": 400,
  "GET /healthz HTTX/1.1\r\nHost: localhost\r\n\r\n": 400,
  "get /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n": 400,
  "G\u00cbT /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n": 400,
  "TRACE /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n": 405,
  "PROPFIND /v1/topics HTTP/1.1\r\nHost: localhost\r\n\r\n": 405,
  "QUERY /v1/topics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n": [400, 405],
  "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n": [400, 404],
  "GET * HTTP/1.1\r\nHost: localhost\r\n\r\n": [400, 404],
  "GET healthz HTTP/1.1\r\nHost: localhost\r\n\r\n": 400,
  "GET //healthz HTTP/1.1\r\nHost: localhost\r\n\r\n": 404,
  "GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n": 404,
  "GET /v1/../v1/topics HTTP/1.1\r\nHost: localhost\r\n\r\n": [200, 404],
  "GET /v1/%2e%2e/v1/topics HTTP/1.1\r\nHost: localhost\r\n\r\n": [400, 404],
  "GET /v1%2ftopics HTTP/1.1\r\nHost: localhost\r\n\r\n": 404,
  "GET /v1\\topics HTTP/1.1\r\nHost: localhost\r\n\r\n": [400, 404],
  [`GET /v1/topics/${NUL} HTTP/1.1\r\nHost: localhost\r\n\r\n`]: 400,
  "GET /v1/topics/%00 HTTP/1.1\r\nHost: localhost\r\n\r\n": 400,
  "GET /v1/topics/%c0%af HTTP/1.1\r\nHost: localhost\r\n\r\n": 400,
  "GET /v1/topics?limit=1&limit=2 HTTP/1.1\r\nHost: localhost\r\n\r\n": 400,
  "GET /v1/topics?limit=%31%30 HTTP/1.1\r\nHost: localhost\r\n\r\n": 200,
  "GET /v1/topics?limit=1e1 HTTP/1.1\r\nHost: localhost\r\n\r\n": 400,
  "GET /v1/topics?limit=99999999999999999999 HTTP/1.1\r\nHost: localhost\r\n\r\n": 400,
  "GET /v1/topics?constructor=x HTTP/1.1\r\nHost: localhost\r\n\r\n": 400,
  "GET /v1/topics?%00=x HTTP/1.1\r\nHost: localhost\r\n\r\n": 400,
  "GET http://localhost/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n": 200,
  "GET http:// HTTP/1.1\r\nHost: localhost\r\n\r\n": 400,
  "GET ftp://localhost/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n": 400,
  [`GET /${"a/".repeat(8_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`]: 404,
  [`GET /${"a".repeat(40_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`]: [414, 431],
  [`GET /v1/topics?${"a&".repeat(8_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`]: 400,
  // Headers.
  "GET /healthz HTTP/1.1\r\n\r\n": 400,
  "GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n": 400,
  "GET /healthz HTTP/1.1\r\nHost: local host\r\n\r\n": 400,
  "GET /healthz HTTP/1.1\r\nHost: localhost/x\r\n\r\n": 400,
  "GET /healthz HTTP/1.1\r\nHost: localhost:99999\r\n\r\n": 400,
  "GET /healthz HTTP/1.1\r\nHost: user@localhost\r\n\r\n": 400,
  "GET /healthz HTTP/1.1\r\nHost : localhost\r\n\r\n": 400,
  "GET /healthz HTTP/1.1\r\n Host: localhost\r\n\r\n": 400,
  "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n": 400,
  "GET /healthz HTTP/1.1\r\nHost: localhost\r\n: x\r\n\r\n": 400,
  "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX\r\n\r\n": 400,
  "GET /healthz HTTP/1.1\nHost: localhost\n\n": 400,
  "GET /healthz HTTP/1.1\rHost: localhost\r\r": 400,
  [`GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ${NUL}\r\n\r\n`]: 400,
  [`GET /healthz HTTP/1.1\r\nHost: localhost\r\n${"X: y\r\n".repeat(10_000)}\r\n`]: [200, 431],
  "GET /healthz HTTP/1.1\r\nHost: localhost\r\nAccept: \u00ff\u00fe\r\n\r\n": 200,
  "GET /healthz HTTP/1.1\r\nHost: localhost\r\nAuthorization: \u0001\r\n\r\n": 400,
  "GET /healthz HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n": 200,
  "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAA\r\n\r\n": 200,
  "GET /healthz HTTP/1.1\r\nHost: localhost\r\nExpect: 200-maybe\r\n\r\n": 417,
  "GET /healthz HTTP/1.1\r\nHost: localhost\r\nRange: bytes=0-1\r\n\r\n": 200,
  "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-HTTP-Method-Override: DELETE\r\n\r\n": 200,
  // Bodies and their lengths.
  "POST /v1/topics/{topic}/publish HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx": 400,
  "POST /v1/topics/{topic}/publish HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1, 1\r\n\r\nx": 400,
  "POST /v1/topics/{topic}/publish HTTP/1.1\r\nHost: localhost\r\nContent-Length: +1\r\n\r\nx": 400,
  "POST /v1/topics/{topic}/publish HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0x1\r\n\r\nx": 400,
  "POST /v1/topics/{topic}/publish HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1e1\r\n\r\nx": 400,
  "POST /v1/topics/{topic}/publish HTTP/1.1\r\nHost: localhost\r\nContent-Length: \r\n\r\nx": 400,
  "POST /v1/topics/{topic}/publish HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\nx": [400, 413],
  "POST /v1/topics/{topic}/publish HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n": 400,
  "POST /v1/topics/{topic}/publish HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\nx": [400, 501],
  "POST /v1/topics/{topic}/publish HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n": [400, 501],
  "POST /v1/topics/{topic}/publish HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n": [
    400, 501,
  ],
  "POST /v1/topics/{topic}/publish HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n": [400, 501],
  "POST /v1/topics/{topic}/publish HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n\r\n": 400,
  "POST /v1/topics/{topic}/publish HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n\r\n": 400,
  "POST /v1/topics/{topic}/publish HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n": 400,
  "POST /v1/topics/{topic}/publish HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxx\r\n0\r\n\r\n": 400,
  [`POST /v1/topics/{topic}/publish HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1;${"e".repeat(20_000)}\r\nx\r\n0\r\n\r\n`]:
    [400, 413],
  "POST /v1/topics/{topic}/publish HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n": 400,
  "POST /v1/topics/{topic}/publish HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data\r\nContent-Length: 1\r\n\r\nx": 201,
  "POST /v1/topics/{topic}/publish?x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx": 400,
  "GET /v1/topics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello": 200,
};

/** JSON of a send, or of none. */
const BODIES: Readonly<Record<string, Expected>> = {
  "": 400,
  " ": 400,
  "\ufeff": 400,
  "{}": 400,
  "{}{}": 400,
  '{"body":"x"}\u0000': 400,
  NaN: 400,
  Infinity: 400,
  undefined: 400,
  "'x'": 400,
  "{body:1}": 400,
  '{"body":"x" /* comment */}': 400,
  '{"body":"x",}': 400,
  '{"body":+1,"bodyEncoding":"json"}': 400,
  '{"body":.5,"bodyEncoding":"json"}': 400,
  '{"body":1.,"bodyEncoding":"json"}': 400,
  '{"body":0x10,"bodyEncoding":"json"}': 400,
  '{"body":1e400,"bodyEncoding":"json"}': 400,
  '{"body":9007199254740993,"bodyEncoding":"json"}': 400,
  '{"body":-0,"bodyEncoding":"json"}': 201,
  '{"body":"\\x41"}': 400,
  '{"body":"\\u00"}': 400,
  '{"body":"\\ud800"}': 400,
  '{"body":"\t"}': 400,
  '{"body":"\\u0000"}': 201,
  '{"body":null}': 400,
  '{"body":{}}': 400,
  '{"body":["x"]}': 400,
  '{"body":"x","tag":null}': 400,
  '{"body":"x","tag":["a"]}': 400,
  '{"body":"x","keys":"a"}': 400,
  '{"body":"x","keys":[null]}': 400,
  '{"body":"x","keys":{"length":1}}': 400,
  '{"body":"x","properties":[["a","b"]]}': 400,
  '{"body":"x","properties":{"a":1}}': 400,
  '{"body":"x","properties":{"__proto__":{"x":"y"}}}': 400,
  '{"body":"x","properties":{"":"y"}}': 400,
  '{"body":"x","properties":{"a\\u0000":"y"}}': 400,
  '{"__proto__":{"body":"x"}}': 400,
  '{"constructor":{"prototype":{}},"body":"x"}': 400,
  '{"body":"x","toString":1}': 400,
  '{"body":"x","bodyEncoding":"hex"}': 400,
  '{"body":"=====","bodyEncoding":"base64"}': 400,
  '{"body":"\u00e4\u00e4\u00e4\u00e4","bodyEncoding":"base64"}': 400,
  '{"body":"x","delaySeconds":-1}': 400,
  '{"body":"x","delaySeconds":1e308}': 400,
  '{"body":"x","delaySeconds":"5"}': 400,
  '{"body":"x","deliverAt":"tomorrow"}': 400,
  '{"body":"x","deliverAt":{}}': 400,
  '{"body":"x","priority":1.5}': 400,
  '{"body":"x","priority":true}': 400,
  '{"body":"x","sequence":1}': 400,
  '{"body":"x","producerId":"p","sequence":-1}': 400,
  '{"body":"x","messageId":""}': 400,
  '{"body":"x","messageGroup":{"$ne":null}}': 400,
};

/** Every one gets a clear refusal or does what it says, and nothing is the server's fault. */
export function oddRequestTests(api: Api): void {
  describe("PROTOCOL 7.2 odd requests", () => {
    let topic: string;
    beforeAll(async () => {
      topic = await createTopic(api, { queues: 1 });
      await createGroup(api, [topic]);
    });
    /** One line for an answer that is not among those expected. */
    const unexpected = (expected: Expected, status: number, what: string): string[] =>
      [expected].flat().includes(status) ? [] : [`${status} for ${JSON.stringify(what.slice(0, 120))}, not ${expected}`];

    it("are refused by the parser, or answered", async (context) => {
      if (!speaksPlainHttp(api)) return context.skip("needs a plain HTTP connection");
      const wrong: string[] = [];
      for (const [request, expected] of Object.entries(REQUESTS)) {
        const raw = Buffer.from(request.replace("{topic}", topic).replace("\r\n", `\r\n${headerLines(api)}`), "latin1");
        const answer = await exchangeRaw(api.baseUrl, [raw], [expected].flat().includes(0) ? 300 : 5_000);
        wrong.push(...unexpected(expected, answer.status, request));
        if (answer.status >= 400 && answer.body !== "") expect(JSON.parse(answer.body)).toMatchObject({ status: answer.status });
      }
      expect(wrong).toEqual([]);
      await send(api, topic, { body: "still here" });
    });

    it("have bodies that are refused, or stored as they are", async () => {
      const wrong: string[] = [];
      for (const [body, expected] of Object.entries(BODIES)) {
        const headers = { "Content-Type": "application/json" };
        const answer = await api.send("POST", `/v1/topics/${topic}/messages`, body, { headers });
        wrong.push(...unexpected(expected, answer.status, body));
        if (answer.status >= 400) expect(answer.json).toMatchObject({ status: answer.status, retryable: false });
      }
      expect(wrong).toEqual([]);
    });
  });
}
