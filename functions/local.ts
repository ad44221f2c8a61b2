import { StoreCorrupt, StoreUnavailable } from "../core/ports/store-failures.ts";
import { readCommandLine } from "./runtime/command-line.ts";
import { commandOrEnd, fail, keepFilesPrivate, versionBeside } from "./runtime/entry.ts";
import { createLog, type LogSink } from "./runtime/log.ts";
import { openLogPrinter } from "./runtime/log-printer.ts";
import { readServerSettings, SERVER_SETTINGS, type ServerSettings } from "./runtime/server-settings.ts";
import { InvalidSetting } from "./runtime/settings.ts";
import { StartFailure } from "./runtime/start-failure.ts";
import { type Server, startServer } from "./server/start-server.ts";

/** A failure that the operator can mend, as one line; `undefined` for any other. */
function startFailure(error: unknown, { host, port }: ServerSettings): string | undefined {
  if (StartFailure.is(error) || InvalidSetting.is(error) || StoreCorrupt.is(error)) return error.message;
  if (StoreUnavailable.is(error)) return `The store cannot be used: ${error.message}.`;
  const { code, syscall, message } = error as NodeJS.ErrnoException;
  const address = `${host}:${port}`;
  if (code === "EADDRINUSE") return `${address} is in use by another process. Set PORT to a free port, as in --port 8081.`;
  if (syscall === "listen" || syscall === "getaddrinfo") return `Cannot listen on ${address}: ${message}.`;
  return undefined;
}

/** The first signal lets running requests finish; a second one does not. */
function stopOnSignals(server: Server, graceMs: number, { log, flush }: LogSink): void {
  let stopping = false;
  const stop = async (signal: NodeJS.Signals) => {
    if (stopping) {
      flush();
      process.exit(1);
    }
    stopping = true;
    log.info({ signal }, "stopping");
    await server.stop(graceMs);
    log.info("stopped");
    flush();
    process.exit(0);
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, (name) => void stop(name));
}

keepFilesPrivate();
const settings = commandOrEnd(
  () => readCommandLine(SERVER_SETTINGS, process.argv.slice(2), process.env, () => versionBeside(import.meta.url)),
  ({ environment }) => readServerSettings(environment),
);
const sink = createLog(settings.logLevel, await openLogPrinter(settings.logFormat, process.stdout.isTTY === true));
process.on("exit", sink.flush);
try {
  const server = await startServer(settings, sink.log);
  stopOnSignals(server, settings.shutdownGraceSeconds * 1_000, sink);
  const { store, dataDirectory, table, bucket } = settings;
  const { url, grpcAddress } = server;
  sink.log.info(
    { url, ...(grpcAddress && { grpcAddress }), ...(store === "embedded" ? { dataDirectory } : { table, bucket }) },
    "listening",
  );
} catch (error) {
  const line = startFailure(error, settings);
  if (line === undefined) throw error;
  fail(line);
}
