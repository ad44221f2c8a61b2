import { randomBytes } from "node:crypto";
import { build } from "esbuild";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { launch, openPage } from "./browser.ts";
import { startForeignSite } from "./foreign-site.ts";
import { type BuiltServer, startBuiltServer } from "./server.ts";

const KEY = randomBytes(24).toString("base64url");

let browser: Browser;
let site: Awaited<ReturnType<typeof startForeignSite>>;
let server: BuiltServer;
let client: string;

beforeAll(async () => {
  [browser, site] = await Promise.all([launch(["shop.example"]), startForeignSite()]);
  server = await startBuiltServer({ API_KEY: KEY, CORS_ORIGINS: `http://shop.example:${site.port}` });
  const { outputFiles } = await build({
    entryPoints: ["client/index.ts"],
    bundle: true,
    format: "iife",
    globalName: "client",
    platform: "browser",
    write: false,
  });
  client = outputFiles[0]?.text ?? "";
});
afterAll(async () => {
  await Promise.all([browser.close(), server.stop(), site.close()]);
});

it("works in a page without TLS: sends once, hands messages to a worker and drains it", async () => {
  const { page, context, complaints } = await openPage(browser);
  await page.goto(`http://shop.example:${site.port}`);
  await page.addScriptTag({ content: client });
  const seen = await page.evaluate<unknown>(`(async () => {
    const apogee = new client.Apogee(${JSON.stringify({ endpoint: server.url, apiKey: KEY })});
    await apogee.topic("orders").put({ queues: 2 });
    await apogee.group("billing").put();
    await apogee.group("billing").subscribe("orders", { startFrom: "earliest" });
    await apogee.topic("orders").send({ id: 0 });
    await apogee.topic("orders").sendBatch([{ body: { id: 1 } }, { body: { id: 2 } }]);
    const ids = [];
    const stopping = new AbortController();
    await apogee.consumer("billing").run((message) => {
      ids.push(message.json().id);
      if (ids.length === 3) stopping.abort();
    }, { signal: stopping.signal });
    return { ids: ids.sort(), lag: (await apogee.group("billing").lag()).lag };
  })()`);
  expect(seen).toEqual({ ids: [0, 1, 2], lag: 0 });
  // The page tries what it may not, beside the client.
  expect(complaints.filter((complaint) => complaint.startsWith("uncaught"))).toEqual([]);
  await context.close();
});
