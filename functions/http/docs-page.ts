import { createHash } from "node:crypto";
import { html, raw } from "hono/html";
import { ERROR_CODES, type ErrorCodeName } from "../../core/errors.ts";
import type { OpenApiDocument } from "./openapi.ts";
import { problemType } from "./problem.ts";

export const DOCS_STYLE = `
:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem}
code,pre{font:13px/1.5 ui-monospace,monospace}
section{border-top:1px solid #8886;padding:.5rem 0}
h3{margin:.5rem 0}h3 b{display:inline-block;min-width:4.5rem}
table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.25rem .75rem .25rem 0}
pre{overflow-x:auto;padding:.75rem;background:#8881}
`;

/** Only the page's own style may load: no script, no image, no request to anywhere. */
export const DOCS_HEADERS = {
  "Content-Type": "text/html; charset=utf-8",
  "Content-Security-Policy": `default-src 'none'; style-src 'sha256-${createHash("sha256").update(DOCS_STYLE).digest("base64")}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
};

/** The parts of an operation that the page shows. */
interface Operation {
  readonly operationId?: string;
  readonly tags?: readonly string[];
  readonly summary?: string;
  readonly description?: string;
  readonly parameters?: readonly unknown[];
  readonly requestBody?: unknown;
  readonly responses?: Readonly<Record<string, unknown>>;
}

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly description?: string;
}

interface Described {
  readonly description?: string;
  readonly content?: Readonly<Record<string, { readonly schema?: unknown }>>;
}

/** The API as one readable page, rendered from its OpenAPI document. */
export function renderDocsPage(document: OpenApiDocument): string {
  const operations = Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({
      path,
      method: method.toUpperCase(),
      operation: operation as Operation,
    })),
  );
  const tags = [...new Set(operations.map(({ operation }) => operation.tags?.[0] ?? ""))];
  const page = html`<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${document.info.title} API</title>
<meta name="viewport" content="width=device-width"><style>${raw(DOCS_STYLE)}</style></head><body>
<h1>${document.info.title} API</h1>
<p>${document.info.description ?? ""} For machines: <a href="/openapi.json">openapi.json</a>.</p>
${tags.map((tag) => html`<h2>${tag}</h2>${operations.filter(({ operation }) => operation.tags?.[0] === tag).map(operationHtml)}`)}
<h2 id="schemas">Schemas</h2>${Object.entries(document.components?.schemas ?? {}).map(schemaHtml)}
<h2 id="errors">Errors</h2><p>Errors are application/problem+json (RFC 9457); <code>code</code> is one of these.</p>
<table><tr><th>Status<th>Code<th>Retry<th>What to do</tr>${(Object.keys(ERROR_CODES) as ErrorCodeName[]).map(errorHtml)}</table>
</body></html>`;
  return String(page);
}

const operationHtml = ({ path, method, operation }: { path: string; method: string; operation: Operation }) => html`<section
id="${operation.operationId ?? path}"><h3><b>${method}</b> <code>${path}</code></h3>
<p>${operation.summary ?? ""}. ${operation.description ?? ""}</p>
${queryHtml((operation.parameters ?? []) as readonly Parameter[])}
${operation.requestBody ? html`<p>Body: ${contentHtml(operation.requestBody as Described)}</p>` : ""}
<table>${Object.entries(operation.responses ?? {}).map(([status, response]) => {
  const { description, content } = response as Described;
  return html`<tr><td>${status}<td>${description ?? ""}<td>${content ? contentHtml({ content }) : ""}</tr>`;
})}</table></section>`;

function queryHtml(parameters: readonly Parameter[]) {
  const query = parameters.filter((parameter) => parameter.in === "query");
  if (query.length === 0) return "";
  return html`<table>${query.map(({ name, description }) => html`<tr><td><code>?${name}</code><td>${description ?? ""}</tr>`)}</table>`;
}

function contentHtml({ content }: Described) {
  return Object.entries(content ?? {}).map(([type, { schema }]) => {
    const reference = (schema as { $ref?: string } | undefined)?.$ref?.split("/").at(-1);
    return html`<code>${type}</code> ${reference ? html`<a href="#schema-${reference}">${reference}</a>` : ""} `;
  });
}

const schemaHtml = ([name, schema]: [string, unknown]) =>
  html`<section id="schema-${name}"><h3>${name}</h3><pre>${JSON.stringify(schema, null, 2)}</pre></section>`;

const errorHtml = (code: ErrorCodeName) => {
  const { status, retryable, advice } = ERROR_CODES[code];
  return html`<tr id="${problemType(code).slice(1).replace("/", "-")}"><td>${status}<td><code>${code}</code><td>${retryable ? "yes" : "no"}<td>${advice}</tr>`;
};
