import { randomBytes } from "node:crypto";
import type { Browser, Locator, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { launch, openPage, type WatchedPage } from "./browser.ts";
import { type BuiltServer, startBuiltServer } from "./server.ts";

const KEY = randomBytes(24).toString("base64url");
const WIDE = { viewport: { width: 1_280, height: 900 } };
const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };

interface Operation {
  readonly method: string;
  readonly path: string;
  readonly summary: string;
}

let browser: Browser;
let open: BuiltServer;
let keyed: BuiltServer;
let operations: Operation[];

beforeAll(async () => {
  [browser, open, keyed] = await Promise.all([launch(), startBuiltServer(), startBuiltServer({ API_KEY: KEY })]);
  const { paths, tags: order } = (await open.api.get("/openapi.json")).json as {
    paths: Record<string, Record<string, { summary: string; tags: readonly [string] }>>;
    tags: readonly { name: string }[];
  };
  const all = Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, { summary, tags }]) => ({ method: method.toUpperCase(), path, summary, tag: tags[0] })),
  );
  // The page shows one tag after the other, and a path may have routes of several.
  operations = order.flatMap(({ name }) => all.filter(({ tag }) => tag === name));
});
afterAll(async () => {
  await browser.close();
  await Promise.all([open.stop(), keyed.stop()]);
});

/** Routes, without the schemas that follow them. */
const contents = (page: Page): Locator => page.locator('openapi-explorer .nav-bar-path:not([id^="link-cmp--"])');
/** What is shown of a route. */
const request = (page: Page): Locator => page.locator("openapi-explorer api-request");
const example = (page: Page): Locator => request(page).first().locator("syntax-highlighter pre").filter({ hasText: "curl" });

/** Of the page and what scrolls in it. A phone's browser widens its window for a page that is too wide, so that is no measure. */
const widest = (page: Page): Promise<number> =>
  page.evaluate<number>(
    "Math.max(document.documentElement.scrollWidth, document.querySelector('openapi-explorer')?.shadowRoot.querySelector('main').scrollWidth ?? 0)",
  );

/** What a page may ask of others, and what it may complain of: nothing. */
function expectQuiet({ complaints, requested }: WatchedPage, server: BuiltServer): void {
  expect(complaints).toEqual([]);
  expect(requested.filter((url) => !url.startsWith(server.url) && !/^(data|blob):/.test(url))).toEqual([]);
}

async function openDocs(server: BuiltServer, options = WIDE): Promise<WatchedPage> {
  const watched = await openPage(browser, options);
  await watched.page.goto(`${server.url}/docs`);
  return watched;
}

async function enterKey(page: Page, key: string): Promise<void> {
  await page.getByLabel("This server wants a key").fill(key);
  await page.getByRole("button", { name: "Show the API" }).click();
}

/** Sends a message from the page, until that shows that it is stored. */
async function trySending(page: Page, topic: string, body: string): Promise<void> {
  await contents(page).getByText("Send one message", { exact: true }).click();
  await request(page).locator('[data-pname="topic"]').fill(topic);
  await request(page).locator('button[data-tab="body"]').click();
  await request(page).locator("textarea.request-body-param-user-input").fill(JSON.stringify({ body }));
  await request(page).getByRole("button", { name: "Execute" }).click();
  await request(page).getByText("SEND_OK").first().waitFor();
}

describe("the docs page", () => {
  it("has every route in its contents, and finds one", async () => {
    const watched = await openDocs(open);
    const { page } = watched;
    await contents(page).first().waitFor();
    expect(await contents(page).allInnerTexts()).toEqual(operations.map(({ summary }) => summary));
    await page.getByPlaceholder("Filter").fill("redrive");
    await expect.poll(() => contents(page).count()).toBeLessThan(5);
    expect((await contents(page).allInnerTexts()).join()).toContain("dead letters");
    await page.getByPlaceholder("Filter").fill("");
    await page.getByRole("button", { name: "Search" }).click();
    await page.getByRole("dialog").or(page.locator("#advanced-search-dialog-input")).first().waitFor();
    expectQuiet(watched, open);
    await watched.context.close();
  });

  it.each([
    ["wide", WIDE],
    ["narrow", PHONE],
  ])("shows a request to copy for every route, and fits, on a %s screen", async (_, options) => {
    const watched = await openDocs(open, options);
    const { page } = watched;
    const entries = options === WIDE ? contents(page) : page.locator("openapi-explorer .endpoint-head");
    await entries.first().waitFor();
    expect(await entries.count()).toBe(operations.length);
    for (const [index, { method, path }] of operations.entries()) {
      await entries.nth(index).click();
      await expect
        .poll(() => example(page).innerText(), { message: `${method} ${path}` })
        .toMatch(`curl -X ${method} "${open.url}/`);
      // The place a click opened on a narrow screen closes with the next one.
      if (options !== WIDE) await entries.nth(index).click();
      expect(await widest(page), path).toBeLessThanOrEqual(options.viewport.width);
    }
    expectQuiet(watched, open);
    await watched.context.close();
  });

  it("finds routes on a narrow screen, and leads to one", async () => {
    const watched = await openDocs(open, PHONE);
    const { page } = watched;
    await page.getByLabel("Find a route").fill("purge");
    const entries = page.locator("openapi-explorer .endpoint-head");
    await expect.poll(() => entries.count()).toBe(1);
    await entries.click();
    await page.getByText("Delete all dead letters").or(page.getByText("/dlq/purge")).first().waitFor();
    expectQuiet(watched, open);
    await watched.context.close();
  });

  it("sends a message to an open server", async () => {
    await open.api.put("/v1/topics/tried", { queues: 1 });
    const watched = await openDocs(open);
    await trySending(watched.page, "tried", "from the page");
    const { messages } = (await open.api.get("/v1/topics/tried/queues/0/messages?offset=0")).json;
    expect(messages).toMatchObject([{ body: "from the page" }]);
    expectQuiet(watched, open);
    await watched.context.close();
  });

  it("is as dark as the reader's system", async () => {
    const colours = await Promise.all(
      (["light", "dark"] as const).map(async (colorScheme) => {
        const { page, context } = await openPage(browser, { ...WIDE, colorScheme });
        await page.goto(`${open.url}/docs`);
        await contents(page).first().waitFor();
        const colour = await page.evaluate<string>(
          "getComputedStyle(document.querySelector('openapi-explorer').shadowRoot.querySelector('main')).color",
        );
        await context.close();
        return colour;
      }),
    );
    expect(colours[0]).not.toBe(colours[1]);
  });
});

describe("the docs page of a server that wants a key", () => {
  it("asks for the key, keeps it in the tab alone, and sends a message with it", async () => {
    await keyed.api.put("/v1/topics/tried", { queues: 1 });
    const watched = await openDocs(keyed);
    const { page } = watched;
    await enterKey(page, KEY);
    await trySending(page, "tried", "with the key");
    const { messages } = (await keyed.api.get("/v1/topics/tried/queues/0/messages?offset=0")).json;
    expect(messages).toMatchObject([{ body: "with the key" }]);

    expect(await page.evaluate("JSON.stringify({ ...sessionStorage })")).toContain(KEY);
    expect(await page.evaluate("JSON.stringify({ ...localStorage }) + document.cookie")).not.toContain(KEY);
    expect(watched.requested.filter((url) => url.includes(KEY))).toEqual([]);
    expect(page.url()).not.toContain(KEY);

    const other = await watched.context.newPage();
    await other.goto(`${keyed.url}/docs`);
    await other.getByLabel("This server wants a key").waitFor();

    await page.reload();
    await contents(page).first().waitFor();
    await page.getByRole("button", { name: "Forget the key" }).click();
    await page.getByLabel("This server wants a key").waitFor();
    expect(await page.evaluate("sessionStorage.length")).toBe(0);
    // The browser itself says of each refusal that it was one.
    expectQuiet({ ...watched, complaints: watched.complaints.filter((text) => !text.includes("401 (Unauthorized)")) }, keyed);
    await watched.context.close();
  });

  it("says when the server does not know the key, and takes another", async () => {
    const { page, context } = await openDocs(keyed);
    await enterKey(page, "not-the-key");
    await page.getByText("The server does not know this key.").waitFor();
    expect(await page.evaluate("sessionStorage.length")).toBe(0);
    await enterKey(page, KEY);
    await contents(page).first().waitFor();
    await context.close();
  });
});

describe("links to the documentation", () => {
  it("lead from the root to the docs page", async () => {
    const { page, context } = await openPage(browser);
    await page.goto(`${open.url}/`);
    expect(new URL(page.url()).pathname).toBe("/docs");
    await context.close();
  });

  it.each([
    ["an open server", () => open],
    ["a server that wants a key", () => keyed],
  ])("lead from the type of a problem of %s to its explanation", async (_, server) => {
    const watched = await openPage(browser, PHONE);
    await watched.page.goto(`${server().url}/errors/bad-request`);
    expect(new URL(watched.page.url())).toMatchObject({ pathname: "/errors", hash: "#bad-request" });
    const entry = watched.page.locator("#bad-request");
    expect(await entry.innerText()).toContain("BAD_REQUEST");
    await entry.waitFor({ state: "visible" });
    expect(await widest(watched.page)).toBeLessThanOrEqual(PHONE.viewport.width);
    expectQuiet(watched, server());
    await watched.context.close();
  });
});
