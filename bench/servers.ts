import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { freePort, type ServerOptions, type ServerProcess, startServer } from "../test/support/server/server-process.ts";

/** Runs `work` with a folder for one server's data and log, which is removed afterwards. */
export const withFolder = async <T>(work: (folder: string) => Promise<T>): Promise<T> => {
  mkdirSync(".tmp", { recursive: true });
  const folder = mkdtempSync(resolve(".tmp", "bench-"));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

/** The broker as users run it: default settings, and a log line per request, into a file. */
export const startBroker = async (
  folder: string,
  more: Pick<ServerOptions, "command" | "environment"> = {},
): Promise<ServerProcess> =>
  startServer({
    dataDir: join(folder, "data"),
    logFile: join(folder, "server.log"),
    port: await freePort(),
    ...more,
  });

export const withBroker = <T>(work: (server: ServerProcess) => Promise<T>): Promise<T> =>
  withFolder(async (folder) => {
    const server = await startBroker(folder);
    try {
      return await work(server);
    } finally {
      await server.stop();
    }
  });

export const withNullServer = <T>(answers: { batch: number; bodyBytes: number }, work: (url: string) => Promise<T>): Promise<T> =>
  withFolder(async (folder) => {
    const server = await startServer({
      command: [process.execPath, "--import", "tsx", "bench/null-server.ts"],
      environment: { BATCH: String(answers.batch), BODY_BYTES: String(answers.bodyBytes) },
      dataDir: folder,
      logFile: join(folder, "null.log"),
      port: await freePort(),
    });
    try {
      return await work(server.url);
    } finally {
      await server.stop();
    }
  });

/** Errors: anything but a 2xx. */
export const put = async (url: string, path: string, body: unknown): Promise<void> => {
  const response = await fetch(url + path, {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`PUT ${path}: ${response.status} ${text}`);
};
