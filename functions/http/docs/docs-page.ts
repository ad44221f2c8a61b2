import { html, raw } from "hono/html";
import type { Reply } from "../reply.ts";
import type { Renderer } from "./docs-files.ts";
import { DOCS_SCRIPT } from "./docs-script.ts";
import { pageHeaders, STYLE, sourceHash } from "./page.ts";

const DOCS_STYLE = `${STYLE}
body{display:flex;flex-direction:column;height:100dvh}
#reference{flex:1;min-height:0}
#ask,#note{margin:0;padding:1rem}
#note:empty{display:none}
@media (min-width:768px){#find{display:none}}
@media (max-width:575px){
openapi-explorer::part(schema-key){width:34%;white-space:normal;overflow-wrap:anywhere}
openapi-explorer::part(schema-type){width:22%;white-space:normal}
openapi-explorer::part(schema-description){display:block;flex:1 1 0;min-width:0}
}
`;

/**
 * The page that shows the API. It is the same for everyone and contains nothing of the server. Its script gets the document and the
 * renderer, with the reader's key if the server wants one. The renderer writes styles into what it shows, hence 'unsafe-inline'.
 * Scripts run only by their digest.
 */
export function docsPageReply({ name, digest }: Renderer): Reply {
  const page = html`<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Apogee API</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,"><style>${raw(DOCS_STYLE)}</style></head><body>
<header><b>Apogee API</b> <input id="find" type="search" placeholder="Find a route" aria-label="Find a route" hidden>
<a href="/errors">Errors</a> <a href="/openapi.json">openapi.json</a> <button id="forget" type="button" hidden>Forget the key</button></header>
<form id="ask" hidden><label>This server wants a key. It stays in this tab. <input name="key" type="password" autocomplete="off" required></label>
<button>Show the API</button></form>
<p id="note" role="status"></p>
<noscript><main><p>This page needs its script. The API as an OpenAPI document is at <a href="/openapi.json">/openapi.json</a>.</p></main></noscript>
<div id="reference"></div>
<script data-renderer="/docs/${name}">${raw(DOCS_SCRIPT)}</script></body></html>`;
  const scripts = `script-src ${sourceHash(DOCS_SCRIPT)} 'sha256-${digest}'`;
  return {
    status: 200,
    body: String(page),
    headers: pageHeaders(`${scripts}; style-src 'unsafe-inline'; img-src data:; connect-src 'self'`),
  };
}
