import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { freePort, type ServerProcess, startServer } from "../support/server/server-process.ts";
import { runGrpcConformance } from "./conformance/run-grpc-conformance.ts";
import { RawClient } from "./raw-client.ts";

let folder: string;
let server: ServerProcess;
let grpcPort: number;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "apogee-grpc-"));
  grpcPort = await freePort();
  server = await startServer({
    dataDir: join(folder, "data"),
    port: await freePort(),
    logFile: join(folder, "server.log"),
    // From the sources: the bundle may be of an older state.
    command: [process.execPath, "--import", "tsx", "functions/local.ts", "--grpc-port", String(grpcPort)],
  });
  // It listens for HTTP first.
  const client = new RawClient(`127.0.0.1:${grpcPort}`);
  await client.connected();
  client.close();
}, 30_000);

afterAll(async () => {
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

runGrpcConformance({
  address: () => `127.0.0.1:${grpcPort}`,
  url: () => server.url,
  makesGroups: true,
  lateMsMax: 50,
  skewMs: 0,
});
