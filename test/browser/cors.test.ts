import { randomBytes, randomUUID } from "node:crypto";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { launch, openPage } from "./browser.ts";
import { startForeignSite } from "./foreign-site.ts";
import { type BuiltServer, startBuiltServer } from "./server.ts";

const KEY = randomBytes(24).toString("base64url");

let browser: Browser;
let site: Awaited<ReturnType<typeof startForeignSite>>;
let server: BuiltServer;

beforeAll(async () => {
  [browser, site] = await Promise.all([launch(["console.example", "other.example"]), startForeignSite()]);
  const CORS_ORIGINS = `http://console.example:${site.port}`;
  server = await startBuiltServer({ API_KEY: KEY, CORS_ORIGINS });
  await server.api.put("/v1/topics/orders", { queues: 1 });
  await server.api.put("/v1/groups/billing", {});
  await server.api.put("/v1/groups/billing/subscriptions/orders", {});
});
afterAll(async () => {
  await Promise.all([browser.close(), server.stop(), site.close()]);
});

interface Seen {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
}

/** What a page of `host` sees of the answer, or that it sees none. */
async function callFrom(host: string, method: string, path: string, options: object): Promise<Seen | "nothing"> {
  const { page, context } = await openPage(browser);
  await page.goto(`http://${host}:${site.port}`);
  const seen = await page.evaluate<
    Seen | "nothing"
  >(`fetch(${JSON.stringify(server.url + path)}, ${JSON.stringify({ method, ...options })}).then(
    async (answer) => { await answer.text(); return { status: answer.status, headers: Object.fromEntries(answer.headers) }; },
    () => "nothing",
  )`);
  await context.close();
  return seen;
}

const authorized = { Authorization: `Bearer ${KEY}` };
const json = { ...authorized, "Content-Type": "application/json" };

it("a page that the settings name sends JSON with a key and an Idempotency-Key, and reads what clients need", async () => {
  const headers = { ...json, "Idempotency-Key": randomUUID() };
  const body = JSON.stringify({ body: "from the console" });
  const sent = await callFrom("console.example", "POST", "/v1/topics/orders/messages", { headers, body });
  expect(sent).toMatchObject({ status: 201, headers: { "x-request-id": expect.any(String) } });
  const repeated = await callFrom("console.example", "POST", "/v1/topics/orders/messages", { headers, body });
  expect(repeated).toMatchObject({ status: 201, headers: { "idempotency-replayed": "true" } });
  const read = await callFrom("console.example", "GET", "/v1/topics/orders", { headers: authorized });
  expect(read).toMatchObject({ status: 200, headers: { etag: expect.any(String) } });
  const { etag = "" } = (read as Seen).headers;
  const changed = { headers: { ...json, "If-Match": etag }, body: '{"retentionHours":2}' };
  expect(await callFrom("console.example", "PATCH", "/v1/topics/orders", changed)).toMatchObject({ status: 200 });
  // While the first waits for checks, of which there are none, its repeat is told to come again.
  const waiting = { headers: { ...json, "Idempotency-Key": randomUUID() }, body: '{"waitSeconds":10}' };
  const both = [1, 2].map(() => callFrom("console.example", "POST", "/v1/producer-groups/checkout/checks/receive", waiting));
  expect(await Promise.all(both)).toContainEqual(
    expect.objectContaining({ status: 409, headers: expect.objectContaining({ "retry-after": expect.any(String) }) }),
  );
});

it("a page that they do not name sees nothing, and does nothing", async () => {
  const before = (await server.api.get("/v1/topics/orders/queues")).text;
  const body = JSON.stringify({ body: "from elsewhere" });
  expect(await callFrom("other.example", "POST", "/v1/topics/orders/messages", { headers: json, body })).toBe("nothing");
  expect(await callFrom("other.example", "GET", "/v1/topics/orders", { headers: authorized })).toBe("nothing");
  expect((await server.api.get("/v1/topics/orders/queues")).text).toBe(before);
});
