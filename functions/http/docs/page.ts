import { createHash } from "node:crypto";

/** The style of the pages around the renderer's part. */
export const STYLE = `
:root{color-scheme:light dark;--line:#8885;--link:light-dark(#0b57a4,#8ab8f0)}
*{box-sizing:border-box}
body{font:16px/1.5 system-ui,sans-serif;margin:0;background:light-dark(#fff,#16191d);color:light-dark(#24292f,#d7dce2)}
header{display:flex;flex-wrap:wrap;gap:.25rem 1rem;align-items:center;padding:.5rem 1rem;border-bottom:1px solid var(--line)}
header b{margin-right:auto}
a{color:var(--link)}
code{font:13px/1.5 ui-monospace,monospace;overflow-wrap:anywhere}
input,button{font:inherit;max-width:100%}
main{padding:0 1rem 2rem;max-width:60rem;margin:0 auto}
dt{border-top:1px solid var(--line);padding-top:.75rem;margin-top:.75rem}
dd{margin:0}
:target{background:#fb04}
[hidden]{display:none!important}
`;

/** The name of a text in a Content-Security-Policy that lets a page run it. */
export const sourceHash = (text: string): string => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

/** Headers of a page that may load only what `policy` allows, and reaches only its own server. */
export const pageHeaders = (policy: string): Readonly<Record<string, string>> => ({
  "Content-Type": "text/html; charset=utf-8",
  "Content-Security-Policy": `default-src 'none'; ${policy}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  // The page changes with the server, so it is revalidated each time.
  "Cache-Control": "no-cache",
});
