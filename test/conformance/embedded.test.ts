import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { freePort, type ServerProcess, startServer } from "../support/server/server-process.ts";
import { runConformanceTests } from "./run-conformance.ts";

let folder: string;
let server: ServerProcess;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "apogee-conformance-"));
  server = await startServer({
    dataDir: join(folder, "data"),
    port: await freePort(),
    logFile: join(folder, "server.log"),
    // From the sources: the bundle may be of an older state.
    command: [process.execPath, "--import", "tsx", "functions/local.ts"],
  });
}, 30_000);

afterAll(async () => {
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

runConformanceTests({ baseUrl: () => server.url });
