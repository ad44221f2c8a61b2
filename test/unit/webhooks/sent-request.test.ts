import { webcrypto } from "node:crypto";
import { Webhook } from "standardwebhooks";
import { describe, expect, it } from "vitest";
import { encodeWebhookSecret } from "../../../core/webhooks/webhook-secret.ts";
import { startEndpoint } from "./endpoint.ts";
import { LOOPBACK, loopbackWebhooks, post, requestTo } from "./posting.ts";

/** The example that the libraries of Standard Webhooks are tested with. */
const PUBLISHED = {
  id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
  timestampMs: 1_614_265_330_000,
  secret: Buffer.from("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "base64"),
  body: '{"test": 2432232314}',
  signature: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
};

const accepting = () => startEndpoint((response) => response.end("{}"));

/** Checks a signature as a receiver would, from nothing but what arrived. */
async function isSignedWith(secret: Uint8Array, headers: Record<string, unknown>, body: Uint8Array): Promise<boolean> {
  const [version, signature = ""] = String(headers["webhook-signature"]).split(",");
  const signed = Buffer.concat([Buffer.from(`${headers["webhook-id"]}.${headers["webhook-timestamp"]}.`), body]);
  const hmac = { name: "HMAC", hash: "SHA-256" };
  const key = await webcrypto.subtle.importKey("raw", secret, hmac, false, ["verify"]);
  return version === "v1" && webcrypto.subtle.verify("HMAC", key, Buffer.from(signature, "base64"), signed);
}

describe("the signature", () => {
  it("is the published one for the published example", async () => {
    const endpoint = await accepting();
    const { signature, ...example } = PUBLISHED;
    expect(await post(loopbackWebhooks(), { ...requestTo(endpoint), ...example })).toMatchObject({ ok: true });
    expect(endpoint.requests[0]?.headers).toMatchObject({
      "webhook-id": example.id,
      "webhook-timestamp": "1614265330",
      "webhook-signature": signature,
    });
  });

  it("verifies over the bytes that arrive, and over no others", async () => {
    const endpoint = await accepting();
    const request = {
      ...requestTo(endpoint),
      body: '{"text":"Grüße, 世界 🚀 \\ud800","lone":"\ud800"}',
      secret: new Uint8Array(64).fill(7),
    };
    await post(loopbackWebhooks(), request);
    const { headers, body } = endpoint.requests[0]!;
    expect(headers["content-length"]).toBe(String(body.length));
    expect(await isSignedWith(request.secret, headers, body)).toBe(true);
    expect(await isSignedWith(new Uint8Array(64).fill(8), headers, body)).toBe(false);
    expect(await isSignedWith(request.secret, headers, Buffer.concat([body, Buffer.from(" ")]))).toBe(false);
    expect(await isSignedWith(request.secret, { ...headers, "webhook-id": "msg_2" }, body)).toBe(false);
  });

  it("satisfies the library of the standard", async () => {
    const endpoint = await accepting();
    const request = { ...requestTo(endpoint), timestampMs: Date.now(), body: '{"text":"Grüße"}' };
    await post(loopbackWebhooks(), request);
    const { headers, body } = endpoint.requests[0]!;
    const receiver = new Webhook(encodeWebhookSecret(request.secret));
    expect(receiver.verify(body, headers as Record<string, string>)).toEqual({ text: "Grüße" });
    expect(() => receiver.verify(`${body} `, headers as Record<string, string>)).toThrow("No matching signature found");
  });

  it("has the time of the request in whole seconds", async () => {
    const endpoint = await accepting();
    await post(loopbackWebhooks(), { ...requestTo(endpoint), timestampMs: 1_700_000_000_999 });
    expect(endpoint.requests[0]?.headers["webhook-timestamp"]).toBe("1700000000");
  });

  it.each([
    ["an id with a full stop", { id: "msg.1" }],
    ["an id with a line end", { id: "msg_1\r\nx-injected: 1" }],
    ["no id", { id: "" }],
    ["a secret of 23 bytes", { secret: new Uint8Array(23) }],
    ["a secret of 65 bytes", { secret: new Uint8Array(65) }],
  ])("is not made with %s: nothing is sent", async (_what, flaw) => {
    const endpoint = await accepting();
    await expect(loopbackWebhooks().post({ ...requestTo(endpoint), ...flaw })).rejects.toThrow(RangeError);
    expect(endpoint.connections()).toBe(0);
  });
});

describe("the request", () => {
  it("is a POST of JSON to the path and query of the URL, and wants no compression", async () => {
    const endpoint = await accepting();
    await post(loopbackWebhooks(), { ...requestTo(endpoint), url: `http://127.0.0.1:${endpoint.port}/a%20b/../c?x=1&y=%2F` });
    const [{ method, path, headers, body }] = endpoint.requests as [(typeof endpoint.requests)[0]];
    expect([method, path, body.toString()]).toEqual(["POST", "/c?x=1&y=%2F", requestTo(endpoint).body]);
    expect(headers).toMatchObject({
      "content-type": "application/json",
      accept: "application/json",
      "accept-encoding": "identity",
    });
    expect(headers).not.toHaveProperty("authorization");
    expect(headers).not.toHaveProperty("cookie");
  });

  it("names the host of the URL, not the address it resolved to", async () => {
    const endpoint = await accepting();
    const webhooks = loopbackWebhooks({ lookup: async () => LOOPBACK });
    await post(webhooks, requestTo(endpoint, "/", "Endpoint.Test"));
    expect(endpoint.requests[0]?.headers.host).toBe(`endpoint.test:${endpoint.port}`);
  });

  it("has a connection of its own, closed with the reply", async () => {
    const endpoint = await accepting();
    const webhooks = loopbackWebhooks();
    for (let count = 0; count < 3; count++) {
      await post(webhooks, requestTo(endpoint));
      await endpoint.closed();
    }
    expect(endpoint.connections()).toBe(3);
    expect(endpoint.requests.map(({ headers }) => headers.connection)).toEqual(["close", "close", "close"]);
  });
});
