import { html, raw } from "hono/html";
import { ERROR_CODES } from "../../../core/errors.ts";
import { ERROR_SLUGS } from "../problem.ts";
import type { Reply } from "../reply.ts";
import { pageHeaders, STYLE, sourceHash } from "./page.ts";

const EFFECTS = { none: "Nothing was changed.", unknown: "It may be done or not." };

const entries = Array.from(ERROR_SLUGS, ([slug, code]) => {
  const { title, status, retryable, effect, advice } = ERROR_CODES[code];
  return html`<dt id="${slug}"><a href="#${slug}"><code>${code}</code></a> – ${title}, ${status}</dt>
<dd>${advice} ${EFFECTS[effect]} ${retryable ? "The same request may succeed later." : "The same request will not succeed later."}</dd>`;
});

/** The page of all errors, to which the `type` of a problem document leads. Needs no script. */
export const ERRORS_PAGE_REPLY: Reply = {
  status: 200,
  body: String(html`<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Apogee errors</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,"><style>${raw(STYLE)}</style></head><body>
<header><b>Apogee errors</b> <a href="/docs">API</a></header>
<main><p>An error is application/problem+json (RFC 9457). Its <code>code</code> is one of these.</p><dl>${entries}</dl></main></body></html>`),
  headers: pageHeaders(`style-src ${sourceHash(STYLE)}; img-src data:`),
};
