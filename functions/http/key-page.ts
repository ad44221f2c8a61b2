import { createHash } from "node:crypto";
import { html, raw } from "hono/html";
import { DOCS_STYLE } from "./docs-page.ts";

/**
 * Gets the documentation with the key and puts it in the place of the form. The key stays in this tab: sessionStorage, which no
 * other tab and no later visit sees. What is linked from the page wants the key too, so it is fetched the same way.
 */
const SCRIPT = `
const form = document.forms[0], note = document.querySelector("output");
const get = (path) => fetch(path, { headers: { Authorization: "Bearer " + sessionStorage.getItem("apiKey") } });
async function show() {
  const answer = await get("/docs");
  if (!answer.ok) { sessionStorage.removeItem("apiKey"); note.textContent = "The server does not know this key."; return; }
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  document.title = page.title;
  document.body.replaceWith(page.body);
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
}
document.addEventListener("click", async (event) => {
  const path = event.target.closest?.("a")?.getAttribute("href");
  if (path !== "/openapi.json") return;
  event.preventDefault();
  location.assign(URL.createObjectURL(await (await get(path)).blob()));
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem("apiKey", form.key.value.trim());
  show();
});
if (sessionStorage.getItem("apiKey")) show();
`;

const sourceHash = (text: string): string => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

/** The page's own style and script may run, and ask this server alone. */
export const KEY_PAGE_HEADERS = {
  "Content-Type": "text/html; charset=utf-8",
  "Content-Security-Policy": `default-src 'none'; style-src ${sourceHash(DOCS_STYLE)}; script-src ${sourceHash(SCRIPT)}; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  "Cache-Control": "no-store",
};

/** Asks for a key and shows the documentation with it. */
export const KEY_PAGE = String(html`<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Apogee API</title>
<meta name="viewport" content="width=device-width"><style>${raw(DOCS_STYLE)}</style></head><body>
<h1>Apogee API</h1>
<form><label>API key <input name="key" type="password" autocomplete="off" required></label> <button>Show</button></form>
<p><output></output></p>
<noscript><p>Read it with curl: <code>curl -H 'Authorization: Bearer …' …/docs</code></p></noscript>
<script>${raw(SCRIPT)}</script></body></html>`);
