import { DirectoryInUse, FormatTooNew } from "../adapters/embedded/data-directory.ts";
import { EmbeddedItemStore } from "../adapters/embedded/embedded-item-store.ts";
import { EmbeddedObjectStore } from "../adapters/embedded/embedded-object-store.ts";
import { createBroker } from "../core/create-broker.ts";
import { framesPrefix, RETENTION_CLASSES_DAYS } from "../core/keys.ts";
import { INLINE_FRAME_BYTES_MAX } from "../core/limits.ts";
import { StoreCorrupt } from "../core/ports/store-failures.ts";
import { serveBroker } from "./http/serve-broker.ts";
import { systemClock } from "./runtime/clock.ts";
import { deflateCompressor } from "./runtime/compressor.ts";
import { createLog, type Log, type LogSink } from "./runtime/log.ts";
import { createSystemRandom } from "./runtime/random.ts";
import { InvalidSetting, readSettings, type Settings } from "./runtime/settings.ts";
import { hmacSigner } from "./runtime/signer.ts";
import { startSweeper } from "./runtime/sweeper.ts";

const MIB = 1_024 * 1_024;
const DAY_MS = 24 * 3_600_000;
/** Items swept between two looks at whether the server is stopping. */
const SWEEP_ITEMS = 1_000;

/** One process, one clock; and a disk is cheaper than the processor that would pack what it stores. */
const BROKER_SETTINGS = {
  skewMarginMs: 0,
  inlineFrameBytesMax: INLINE_FRAME_BYTES_MAX,
  packFromBytes: Number.POSITIVE_INFINITY,
};

/** What a folder that cannot be written to answers. */
const FOLDER_FAILURES: ReadonlySet<string> = new Set(["EACCES", "EEXIST", "ENOENT", "ENOSPC", "ENOTDIR", "EPERM", "EROFS"]);

interface Stores {
  readonly items: EmbeddedItemStore;
  readonly objects: EmbeddedObjectStore;
}

interface EmbeddedServer {
  readonly url: string;
  /** Requests in flight get `graceMs` to finish. */
  stop(graceMs: number): Promise<void>;
}

/** The embedded server: the broker, its stores in one folder, and HTTP, in one process. */
async function startEmbeddedServer(settings: Settings, log: Log): Promise<EmbeddedServer> {
  // The lock on the folder is the item store's, so that is opened first and closed last.
  const items = await EmbeddedItemStore.open(settings.dataDirectory);
  try {
    const stores: Stores = { items, objects: await EmbeddedObjectStore.open(settings.dataDirectory) };
    const random = createSystemRandom();
    const broker = await createBroker({
      ...stores,
      clock: systemClock,
      random,
      signer: hmacSigner,
      compressor: deflateCompressor,
      settings: BROKER_SETTINGS,
    });
    const { host, port } = settings;
    const requestBytesMax = settings.requestMemoryMib * MIB;
    const server = await serveBroker({ broker, log, random, signer: hmacSigner, host, port, requestBytesMax });
    const sweeper = startSweeper("expired data", (signal) => sweep(stores, signal), log);
    return {
      url: server.url,
      async stop(graceMs) {
        await server.stop(graceMs);
        await sweeper.stop();
        await items.close();
      },
    };
  } catch (error) {
    await items.close();
    throw error;
  }
}

/** What the table's expiry and the bucket's lifecycle rules do on AWS. */
async function sweep({ items, objects }: Stores, signal: AbortSignal): Promise<void> {
  const nowMs = systemClock.nowMs();
  while (!signal.aborted && (await items.sweepExpired(Math.floor(nowMs / 1_000), SWEEP_ITEMS)) >= SWEEP_ITEMS);
  for (const classDays of RETENTION_CLASSES_DAYS) {
    if (signal.aborted) return;
    await objects.sweepOlderThan(framesPrefix(classDays), nowMs - classDays * DAY_MS);
  }
}

/** A failure that whoever starts the server can mend, in one line; `undefined` for any other. */
function startFailure(error: unknown, settings: Settings): string | undefined {
  if (error instanceof DirectoryInUse || error instanceof FormatTooNew || StoreCorrupt.is(error)) return error.message;
  const { code, syscall, message } = error as NodeJS.ErrnoException;
  const address = `${settings.host}:${settings.port}`;
  if (code === "EADDRINUSE") return `${address} is in use by another process. Set PORT to a free port.`;
  if (syscall === "listen" || syscall === "getaddrinfo") return `Cannot listen on ${address}: ${message}.`;
  if (code !== undefined && FOLDER_FAILURES.has(code)) return `Cannot use the folder ${settings.dataDirectory}: ${message}.`;
  return undefined;
}

/** Ends the process with one line on standard error. */
function fail(line: string): never {
  process.stderr.write(`apogee: ${line.replaceAll("\n", " ")}\n`);
  process.exit(1);
}

function settingsOrFail(): Settings {
  try {
    return readSettings(process.env);
  } catch (error) {
    if (InvalidSetting.is(error)) fail(error.message);
    throw error;
  }
}

/** The first signal lets what is under way finish; a second one does not. */
function stopOnSignals(server: EmbeddedServer, graceMs: number, { log, flush }: LogSink): void {
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

const settings = settingsOrFail();
const sink = createLog(settings.logLevel);
process.on("exit", sink.flush);
try {
  const server = await startEmbeddedServer(settings, sink.log);
  stopOnSignals(server, settings.shutdownGraceSeconds * 1_000, sink);
  sink.log.info({ url: server.url, dataDirectory: settings.dataDirectory }, "listening");
} catch (error) {
  const line = startFailure(error, settings);
  if (line === undefined) throw error;
  fail(line);
}
