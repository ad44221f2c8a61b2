import { Webhook } from "standardwebhooks";
import { expect, it } from "vitest";
import { verifyWebhook, WebhookRefused } from "../../client/index.ts";
import { failure } from "./wire.ts";

const SECRET = `whsec_${Buffer.from("a secret of thirty-two characters").toString("base64")}`;
const OTHER = `whsec_${Buffer.from("the one that replaces it tomorrow").toString("base64")}`;
const AT = new Date("2027-01-15T08:00:00Z");
const now = () => AT.getTime();
const BODY = '{"type":"transaction.check","data":{"name":"Grüße 🎈"}}';

const signed = (secret = SECRET, body = BODY, at = AT) => ({
  headers: {
    "webhook-id": "msg-1",
    "webhook-timestamp": `${Math.floor(at.getTime() / 1_000)}`,
    "webhook-signature": new Webhook(secret).sign("msg-1", at, body),
  },
  body,
});

it("answers the body of what the secret has signed", async () => {
  expect(await verifyWebhook(signed(), SECRET, { now })).toEqual(JSON.parse(BODY));
});

it("takes a request of fetch, raw bytes, and headers as frameworks have them", async () => {
  const { headers, body } = signed();
  const request = new Request("http://localhost/hook", { method: "POST", headers, body });
  expect(await verifyWebhook(request, SECRET, { now })).toEqual(JSON.parse(body));
  expect(await verifyWebhook({ headers: new Headers(headers), body: Buffer.from(body) }, SECRET, { now })).toEqual(
    JSON.parse(body),
  );
  const http2 = { ":path": "/hook", "x-name": "✓", "set-cookie": ["a", "b"], nothing: undefined, ...headers };
  expect(await verifyWebhook({ headers: http2, body }, SECRET, { now })).toEqual(JSON.parse(body));
  const upper = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toUpperCase(), value]));
  expect(await verifyWebhook({ headers: upper, body }, SECRET, { now })).toEqual(JSON.parse(body));
});

it("takes either of two secrets while one is replaced", async () => {
  expect(await verifyWebhook(signed(OTHER), [SECRET, OTHER], { now })).toEqual(JSON.parse(BODY));
  const both = signed();
  both.headers["webhook-signature"] =
    `v1a,xyz ${signed(OTHER).headers["webhook-signature"]} ${both.headers["webhook-signature"]}`;
  expect(await verifyWebhook(both, SECRET, { now })).toEqual(JSON.parse(BODY));
  expect(await failure(verifyWebhook(signed(OTHER), SECRET, { now }))).toBeInstanceOf(WebhookRefused);
});

it.each([
  ["the body", (request: ReturnType<typeof signed>) => ({ ...request, body: request.body.replace("check", "cheat") })],
  ["the end of the body", (request: ReturnType<typeof signed>) => ({ ...request, body: `${request.body} ` })],
  ["the id", (request: ReturnType<typeof signed>) => ({ ...request, headers: { ...request.headers, "webhook-id": "msg-2" } })],
  [
    "the time",
    (request: ReturnType<typeof signed>) => ({
      ...request,
      headers: { ...request.headers, "webhook-timestamp": `${Number(request.headers["webhook-timestamp"]) + 1}` },
    }),
  ],
  [
    "the signature",
    (request: ReturnType<typeof signed>) => ({
      ...request,
      headers: { ...request.headers, "webhook-signature": request.headers["webhook-signature"].slice(0, -4) },
    }),
  ],
])("refuses when somebody has changed %s", async (_, tamper) => {
  expect(await failure(verifyWebhook(tamper(signed()), SECRET, { now }))).toBeInstanceOf(WebhookRefused);
});

it("refuses what is too old, too new, or of no time", async () => {
  for (const seconds of [-301, 301]) {
    const request = signed(SECRET, BODY, new Date(AT.getTime() + seconds * 1_000));
    expect(await failure(verifyWebhook(request, SECRET, { now }))).toBeInstanceOf(WebhookRefused);
  }
  for (const seconds of [-299, 299]) {
    const request = signed(SECRET, BODY, new Date(AT.getTime() + seconds * 1_000));
    expect(await verifyWebhook(request, SECRET, { now })).toEqual(JSON.parse(BODY));
  }
  const { headers, body } = signed();
  expect(
    await failure(verifyWebhook({ headers: { ...headers, "webhook-timestamp": "now" }, body }, SECRET, { now })),
  ).toBeInstanceOf(WebhookRefused);
});

it("refuses a request without one of the headers", async () => {
  const { headers, body } = signed();
  for (const name of Object.keys(headers)) {
    const error = await failure(verifyWebhook({ headers: { ...headers, [name]: undefined }, body }, SECRET, { now }));
    expect(error).toBeInstanceOf(WebhookRefused);
    expect((error as Error).message).toContain(name);
  }
});
