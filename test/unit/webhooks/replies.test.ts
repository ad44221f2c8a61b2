import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { WEBHOOK_REPLY_BYTES_MAX } from "../../../core/ports/webhooks.ts";
import { afterRequest, startEndpoint, startRawEndpoint } from "./endpoint.ts";
import { loopbackWebhooks, post, requestTo } from "./posting.ts";
import { httpTargetsOf } from "./targets.ts";

const OK = "HTTP/1.1 200 OK\r\n";
const endless = (response: {
  write(chunk: Buffer): boolean;
  once(event: "drain", then: () => void): unknown;
  destroyed: boolean;
}) => {
  const chunk = Buffer.alloc(16_384, "x");
  const more = () => {
    while (!response.destroyed && response.write(chunk));
    if (!response.destroyed) response.once("drain", more);
  };
  more();
};

describe("a reply that is read", () => {
  it.each([200, 201, 202, 299])("has status %i and a body", async (status) => {
    const endpoint = await startEndpoint((response) => response.writeHead(status).end('{"resolution":"commit"}'));
    expect(await post(loopbackWebhooks(), requestTo(endpoint))).toEqual({ ok: true, status, body: '{"resolution":"commit"}' });
  });

  it("may have no body", async () => {
    const endpoint = await startEndpoint((response) => response.writeHead(204).end());
    expect(await post(loopbackWebhooks(), requestTo(endpoint))).toEqual({ ok: true, status: 204, body: "" });
  });

  it("may have as many bytes as the limit, in chunks or declared", async () => {
    const body = "é".repeat(WEBHOOK_REPLY_BYTES_MAX / 2);
    for (const headers of [{}, { "content-length": WEBHOOK_REPLY_BYTES_MAX }]) {
      const endpoint = await startEndpoint((response) => {
        response.writeHead(200, headers);
        // In the middle of a character.
        response.write(Buffer.from(body).subarray(0, 1_001));
        response.end(Buffer.from(body).subarray(1_001));
      });
      expect(await post(loopbackWebhooks(), requestTo(endpoint))).toEqual({ ok: true, status: 200, body });
    }
  });

  it("may come after an informational one, and say that it is not compressed", async () => {
    const reply = `HTTP/1.1 103 Early Hints\r\n\r\n${OK}Content-Encoding: Identity\r\nContent-Length: 2\r\n\r\n{}`;
    const endpoint = await startRawEndpoint(afterRequest(reply));
    expect(await post(loopbackWebhooks(), requestTo(endpoint))).toEqual({ ok: true, status: 200, body: "{}" });
    await endpoint.closed();
  });
});

describe("a reply that is not", () => {
  it.each([300, 301, 302, 303, 304, 307, 308])("is a redirect: %i", async (status) => {
    const elsewhere = await startEndpoint((response) => response.end("{}"));
    const headers = { location: `http://127.0.0.1:${elsewhere.port}/` };
    const endpoint = await startEndpoint((response) => response.writeHead(status, headers).end());
    expect(await post(loopbackWebhooks(), requestTo(endpoint))).toMatchObject({ ok: false, reason: "redirect", status });
    expect(elsewhere.connections()).toBe(0);
    expect(endpoint.requests).toHaveLength(1);
  });

  it.each([400, 401, 404, 410, 429, 500, 503, 599])("has status %i", async (status) => {
    const endpoint = await startEndpoint((response) => response.writeHead(status, { "retry-after": "1" }).end("private trace"));
    expect(await post(loopbackWebhooks(), requestTo(endpoint))).toEqual({
      ok: false,
      reason: "status",
      status,
      detail: `The endpoint answered ${status}.`,
    });
  });

  it.each([200, 302, 500])("never ends, with status %i: reading stops, and the connection is closed", async (status) => {
    const endpoint = await startEndpoint((response) => endless(response.writeHead(status)));
    const reason = status === 200 ? "too-large" : status === 302 ? "redirect" : "status";
    expect(await post(loopbackWebhooks(), requestTo(endpoint))).toMatchObject({ ok: false, reason });
    await endpoint.closed();
  });

  it("is one byte too large, in chunks or declared", async () => {
    const body = Buffer.alloc(WEBHOOK_REPLY_BYTES_MAX + 1, "x");
    for (const headers of [{}, { "content-length": body.length }]) {
      const endpoint = await startEndpoint((response) => response.writeHead(200, headers).end(body));
      expect(await post(loopbackWebhooks(), requestTo(endpoint))).toMatchObject({ ok: false, reason: "too-large" });
    }
  });

  it.each([
    ["one field", `X-Long: ${"x".repeat(20_000)}\r\n`],
    ["many fields", "X-Short: x\r\n".repeat(3_000)],
  ])("has too large a head: %s", async (_what, fields) => {
    const endpoint = await startRawEndpoint(afterRequest(`${OK}${fields}\r\n`));
    expect(await post(loopbackWebhooks(), requestTo(endpoint))).toMatchObject({ ok: false, reason: "too-large" });
    await endpoint.closed();
  });

  it.each(["gzip", "deflate", "br", "gzip, identity", "x-unknown"])("is compressed: %s", async (encoding) => {
    // 16 MB once unpacked.
    const bomb = gzipSync(Buffer.alloc(16 * 1_024 * 1_024));
    const endpoint = await startEndpoint((response) => response.writeHead(200, { "content-encoding": encoding }).end(bomb));
    expect(await post(loopbackWebhooks(), requestTo(endpoint))).toMatchObject({ ok: false, reason: "encoding" });
  });

  it.each([
    ["Latin-1", Buffer.from("Grüße", "latin1")],
    ["half a character", Buffer.from("é").subarray(0, 1)],
    ["UTF-16", Buffer.from("\ufeffé", "utf16le")],
  ])("is not UTF-8: %s", async (_what, bytes) => {
    const endpoint = await startEndpoint((response) => response.end(bytes));
    expect(await post(loopbackWebhooks(), requestTo(endpoint))).toMatchObject({ ok: false, reason: "encoding" });
  });

  it.each([
    ["a status line of another protocol", "SSH-2.0-OpenSSH_9.6\r\n\r\n"],
    ["a status line without a number", "HTTP/1.1 OK\r\n\r\n"],
    ["a status of four digits", "HTTP/1.1 2000 OK\r\n\r\n"],
    ["a field without a colon", `${OK}broken\r\n\r\n`],
    ["two lengths", `${OK}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`],
    ["a chunk without a size", `${OK}Transfer-Encoding: chunked\r\n\r\nzz\r\n`],
    ["a length and chunks", `${OK}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
  ])("is not HTTP: %s", async (_what, bytes) => {
    const endpoint = await startRawEndpoint(afterRequest(bytes));
    expect(await post(loopbackWebhooks(), requestTo(endpoint))).toMatchObject({ ok: false, reason: "malformed" });
    await endpoint.closed();
  });

  it.each([
    ["its head does", afterRequest("HTTP/1.1 200 O")],
    ["its length has it", afterRequest(`${OK}Content-Length: 10\r\n\r\n{`)],
    ["its last chunk", afterRequest(`${OK}Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n`)],
  ])("ends before %s", async (_what, converse) => {
    const endpoint = await startRawEndpoint((socket) => {
      converse(socket);
      socket.once("data", () => socket.end());
    });
    expect(await post(loopbackWebhooks(), requestTo(endpoint))).toMatchObject({ ok: false, reason: "connection" });
  });

  it("switches protocols", async () => {
    const head = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    const endpoint = await startRawEndpoint(afterRequest(head));
    expect(await post(loopbackWebhooks(), requestTo(endpoint))).toMatchObject({ ok: false, reason: "connection" });
    await endpoint.closed();
  });
});

describe("no reply at all", () => {
  it("where nothing listens", async () => {
    const elsewhere = await startRawEndpoint(() => undefined);
    const targets = httpTargetsOf("127.0.0.0/8");
    const byAddress = await post(loopbackWebhooks({ targets }), requestTo(elsewhere, "/", "127.0.0.99"));
    expect(byAddress).toMatchObject({ ok: false, reason: "connection" });
    const lookup = async () => ["127.0.0.98", "127.0.0.99"].map((address) => ({ address, family: 4 }));
    const byName = await post(loopbackWebhooks({ targets, lookup }), requestTo(elsewhere, "/", "endpoint.test"));
    expect(byName).toMatchObject({ ok: false, reason: "connection" });
  });

  it("where the network has no way there", async () => {
    const options = { targets: httpTargetsOf("224.0.0.0/4"), lookup: async () => [{ address: "224.0.0.1", family: 4 }] };
    for (const host of ["224.0.0.1", "endpoint.test"]) {
      const reply = await post(loopbackWebhooks(options), requestTo({ port: 9 }, "/", host));
      expect(reply).toMatchObject({ ok: false, reason: "connection" });
    }
  });

  it.each([
    ["at once", (socket: { destroy(): unknown }) => socket.destroy()],
    ["by a reset", (socket: { resetAndDestroy(): unknown }) => socket.resetAndDestroy()],
  ])("where the connection is closed %s", async (_what, close) => {
    const endpoint = await startRawEndpoint(close);
    expect(await post(loopbackWebhooks(), requestTo(endpoint))).toMatchObject({ ok: false, reason: "connection" });
  });
});
