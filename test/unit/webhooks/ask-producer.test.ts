import { Webhook } from "standardwebhooks";
import { describe, expect, it } from "vitest";
import type { Webhooks } from "../../../core/ports/webhooks.ts";
import type { TransactionCheck } from "../../../core/transaction/transaction.ts";
import { encodeWebhookSecret } from "../../../core/webhooks/webhook-secret.ts";
import { askByWebhook } from "../../../functions/webhooks/ask-producer.ts";
import { checkBody } from "../../../functions/webhooks/check-body.ts";
import { ManualClock } from "../../support/clocks/manual-clock.ts";
import { type Endpoint, startEndpoint } from "./endpoint.ts";
import { loopbackWebhooks } from "./posting.ts";

const SECRET = new Uint8Array(32).fill(7);
const CHECK: TransactionCheck = {
  transactionId: "0".repeat(32),
  checkNumber: 3,
  topic: "orders",
  producerGroup: "pay",
  message: {
    messageId: "chosen",
    bornAtMs: 1_800_000_000_000,
    storedAtMs: 1_800_000_000_500,
    tag: undefined,
    keys: ["k"],
    properties: new Map([["src", "web"]]),
    messageGroup: undefined,
    priority: undefined,
    body: Uint8Array.of(0xff, 0, 1),
  },
};

const ask = ({ port }: Endpoint) =>
  askByWebhook(loopbackWebhooks(), new ManualClock())(CHECK, { url: `http://127.0.0.1:${port}/checks`, secret: SECRET });

const answering = (body: string, status = 200) =>
  startEndpoint((response) => {
    response.statusCode = status;
    response.end(body);
  });

describe("a check that is posted", () => {
  it("has one id for its number, the message as a receive shows it, and the group's signature", async () => {
    const endpoint = await answering('{"resolution":"unknown"}');
    await ask(endpoint);
    await ask(endpoint);
    const [{ headers, body }, again] = [endpoint.requests[0]!, endpoint.requests[1]!];
    expect(headers).toMatchObject({ "webhook-id": `${CHECK.transactionId}-3`, "content-type": "application/json" });
    expect(again.headers["webhook-id"]).toBe(headers["webhook-id"]);
    const seconds = Number(headers["webhook-timestamp"]);
    expect(seconds).toBe(Math.floor(new ManualClock().nowMs() / 1_000));
    expect(new Webhook(encodeWebhookSecret(SECRET)).sign(`${headers["webhook-id"]}`, new Date(seconds * 1_000), body)).toBe(
      headers["webhook-signature"],
    );
    expect(JSON.parse(body.toString())).toEqual({
      type: "transaction.check",
      timestamp: new Date(new ManualClock().nowMs()).toISOString(),
      data: {
        transactionId: CHECK.transactionId,
        checkNumber: 3,
        topic: "orders",
        producerGroup: "pay",
        message: {
          messageId: "chosen",
          topic: "orders",
          tag: null,
          keys: ["k"],
          properties: { src: "web" },
          messageGroup: null,
          bornAt: "2027-01-15T08:00:00.000Z",
          storedAt: "2027-01-15T08:00:00.500Z",
          body: "/wAB",
          bodyEncoding: "base64",
        },
      },
    });
  });

  it.each(["commit", "rollback", "unknown"])("is answered by the resolution %s", async (resolution) => {
    expect(await ask(await answering(JSON.stringify({ resolution, more: 1 })))).toEqual({ resolution });
  });

  it.each([
    "",
    "commit",
    '"commit"',
    "null",
    "[]",
    "{}",
    '{"resolution":"COMMIT"}',
    '{"resolution":true}',
    "[".repeat(60_000),
    '{"resolution":"commit"',
  ])("is not answered by %j", async (body) => {
    const { failure } = (await ask(await answering(body))) as { failure: string };
    expect(failure).toMatch(/^The endpoint did not answer \{"resolution"/);
  });

  it("is not answered by a failure, whatever that says", async () => {
    const failed = await ask(await answering('{"resolution":"commit"}', 500));
    expect(failed).toEqual({ failure: "The endpoint answered 500." });
  });

  it.each([500, 503, 429])("is not answered by a status that says so: %i", async (status) => {
    expect(await ask(await answering("", status))).not.toHaveProperty("endpoint");
  });

  it.each([
    ["another status", 404, ""],
    ["a redirect", 302, ""],
    ["something else", 200, "{}"],
    ["too much", 200, "x".repeat(70_000)],
  ])("is answered, though not usefully, by %s", async (_what, status, body) => {
    expect(await ask(await answering(body, status))).toMatchObject({ failure: expect.any(String), endpoint: "answered" });
  });

  it("that finds too many under way is not posted", async () => {
    const busy: Webhooks = { post: async () => ({ ok: false, reason: "busy", detail: "Too many webhooks are under way." }) };
    const answer = askByWebhook(busy, new ManualClock())(CHECK, { url: "https://example.com", secret: SECRET });
    expect(await answer).toEqual({ failure: "Too many webhooks are under way.", endpoint: "notCalled" });
  });

  const everyByte = Uint8Array.from({ length: 100_001 }, (_, at) => at & 255);
  const everyLetter = Array.from({ length: 0x3_000 }, (_, code) => String.fromCharCode(code)).join("");
  it.each([
    ["text with everything that must be escaped", Buffer.from(`${everyLetter}"\\\u2028 \u{1f600}`), everyLetter],
    ["bytes that are no text", everyByte, undefined],
    ["text that needs nothing", Buffer.from("paid"), "paid"],
    ["one byte that is no text", Uint8Array.of(0xff), undefined],
    ["nothing", new Uint8Array(), ""],
  ])("carries a body as it is: %s", (_what, body, text) => {
    const posted = Buffer.from(checkBody({ ...CHECK, message: { ...CHECK.message, body } }, 0));
    const { message } = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(posted)).data;
    expect(message).toMatchObject({ messageId: "chosen", bodyEncoding: text === undefined ? "base64" : "utf8" });
    expect(Buffer.from(message.body, message.bodyEncoding)).toEqual(Buffer.from(body));
  });
});
