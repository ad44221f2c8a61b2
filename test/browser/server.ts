import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Api } from "../support/http/http-api.ts";
import { freePort, startServer } from "../support/server/server-process.ts";

export interface BuiltServer {
  readonly url: string;
  readonly port: number;
  /** A program that calls it, with the key where it wants one. */
  readonly api: Api;
  stop(): Promise<void>;
}

/** The server that was built, started as users start it, on a folder of its own. */
export async function startBuiltServer(environment: Record<string, string> = {}): Promise<BuiltServer> {
  const folder = mkdtempSync(join(tmpdir(), "apogee-browser-"));
  const port = await freePort();
  const server = await startServer({
    dataDir: join(folder, "data"),
    logFile: join(folder, "server.log"),
    port,
    command: [process.execPath, "dist/apogee.mjs", "start"],
    environment,
  });
  const { API_KEY } = environment;
  return {
    url: server.url,
    port,
    api: new Api({
      baseUrl: () => server.url,
      headers: () => (API_KEY === undefined ? {} : { Authorization: `Bearer ${API_KEY}` }),
    }),
    async stop() {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
