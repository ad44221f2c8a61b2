import { join } from "node:path";
import { freePort, type ServerProcess, startServer } from "../support/server/server-process.ts";

/** The built server, with an empty store in the folder. */
export const runServer = async (folder: string, name: string): Promise<ServerProcess> =>
  startServer({
    port: await freePort(),
    dataDir: join(folder, `${name}-data`),
    logFile: join(folder, `${name}.log`),
    environment: { LOG_LEVEL: "error" },
  });
