import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { launch, openPage } from "./browser.ts";
import { type Call, callsOf, fillServer, stateOf } from "./changing-calls.ts";
import { startForeignSite } from "./foreign-site.ts";
import { type BuiltServer, startBuiltServer } from "./server.ts";

/** A name that its owner points at this machine. */
const NAME = "evil.example";
/** No message is parked, no redrive paused, no queue the example's; and a call before did away with what the others are of. */
const WITHOUT_EFFECT: ReadonlySet<string> = new Set([
  "commitOffset",
  "deleteParked",
  "resumeRedrive",
  "deleteDeadLetter",
  "rollbackTransaction",
  "redeliverMessage",
]);
const ATTACK_MS_MAX = 120_000;

let browser: Browser;
let site: Awaited<ReturnType<typeof startForeignSite>>;
let server: BuiltServer;
let calls: readonly Call[];

beforeAll(async () => {
  [browser, site] = await Promise.all([launch([NAME]), startForeignSite()]);
});
beforeEach(async () => {
  server = await startBuiltServer();
  calls = await callsOf(server.api, await fillServer(server.api));
});
afterEach(() => server.stop());
afterAll(async () => {
  await Promise.all([browser.close(), site.close()]);
});

/** Lets a page make the calls in its way, and returns what each came to where the way tells. */
async function attack(page: Page, way: "sendUnasked" | "sendAsPrograms", origin: string): Promise<readonly string[]> {
  page.setDefaultTimeout(ATTACK_MS_MAX);
  const arguments_ = `${JSON.stringify(origin)}, ${JSON.stringify(calls)}`;
  return (await page.evaluate<string[] | undefined>(`${way}(${arguments_})`)) ?? [];
}

describe("a server that wants no key", () => {
  it.each([
    ["another port of this machine", (port: number) => `http://127.0.0.1:${port}`],
    ["another site", (port: number) => `http://${NAME}:${port}`],
  ])(
    "is not changed by a page of %s",
    async (_, siteAt) => {
      const before = await stateOf(server.api);
      const { page, context } = await openPage(browser);
      await page.goto(siteAt(site.port));
      await attack(page, "sendUnasked", server.url);
      await attack(page, "sendAsPrograms", server.url);
      await context.close();
      expect(await stateOf(server.api)).toEqual(before);
    },
    ATTACK_MS_MAX,
  );

  it(
    "is neither read nor changed by a page of a name that was pointed at it",
    async () => {
      const before = await stateOf(server.api);
      const { page, context } = await openPage(browser);
      // The page comes from the server itself by then, and what it asks for is of its own origin.
      await page.goto(`http://${NAME}:${server.port}/healthz`);
      await page.addScriptTag({ path: "test/browser/foreign-page.js" });
      const outcomes = await attack(page, "sendAsPrograms", "");
      const read = calls.filter(({ path }, index) => path.startsWith("/v1/") && outcomes[index]?.startsWith("2"));
      await context.close();
      expect(await stateOf(server.api)).toEqual(before);
      expect(read).toEqual([]);
    },
    ATTACK_MS_MAX,
  );

  it("is changed by these calls when a program makes them", async () => {
    const before = await stateOf(server.api);
    const failed: string[] = [];
    for (const { operationId, method, path, body, type } of calls.filter((call) => call.method !== "GET")) {
      const answer = await server.api.send(method, path, body, type === undefined ? {} : { headers: { "Content-Type": type } });
      if (answer.status >= 300) failed.push(operationId);
    }
    expect(failed.filter((operationId) => !WITHOUT_EFFECT.has(operationId))).toEqual([]);
    expect(await stateOf(server.api)).not.toEqual(before);
  });
});
