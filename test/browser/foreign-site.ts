import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

const SCRIPT = readFileSync(new URL("foreign-page.js", import.meta.url), "utf8");
const PAGE = `<!doctype html><html><head><meta charset="utf-8"><title>foreign</title></head><body><script>${SCRIPT}</script></body></html>`;

/** A site of someone else on this machine: a page that does what its script says. */
export async function startForeignSite(): Promise<{ port: number; close(): Promise<void> }> {
  const server = createServer((_, response) => response.writeHead(200, { "Content-Type": "text/html" }).end(PAGE));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
