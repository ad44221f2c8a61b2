import { once } from "node:events";
import { rm } from "node:fs/promises";
import { createConnection, createServer, type Socket } from "node:net";
import { join, relative, resolve } from "node:path";
import { BackupFailed } from "./backup-failed.ts";
import { decodeStream, encodeRefusal, encodeStream, type StoredEntry } from "./entry-stream.ts";

/** A command that takes nothing for so long is cut off: what it reads from keeps the database from giving room back. */
const STALLED_MS = 60_000;
/** Systems cut longer paths of sockets off, some without saying so. */
const PATH_BYTES_MAX = 103;

/**
 * The socket in a data directory by which a running server hands its entries to the command that makes a backup. Who may write to it is
 * decided by the file system: the server's own user, since the server creates its files for that user alone.
 */
function socketPath(directory: string): string | undefined {
  const path = join(resolve(directory), "backup.sock");
  return [path, relative(process.cwd(), path)].find((one) => Buffer.byteLength(one) <= PATH_BYTES_MAX);
}

export interface BackupSocket {
  /** Cuts off a backup under way. */
  close(): Promise<void>;
}

/**
 * Answers, to one connection at a time, with all entries. The database of the directory must be open: its lock keeps another server from
 * the socket. Without a socket the server goes on, and `report` is told.
 */
export async function openBackupSocket(
  directory: string,
  entries: () => AsyncIterable<readonly StoredEntry[]>,
  report: (line: string) => void = () => undefined,
): Promise<BackupSocket> {
  const path = socketPath(directory);
  const open = new Set<Socket>();
  let running: Promise<void> | undefined;
  const server = createServer((socket) => {
    open.add(socket.once("close", () => open.delete(socket)).on("error", () => undefined));
    socket.setTimeout(STALLED_MS, () => socket.destroy()).resume();
    if (running !== undefined) socket.end(encodeRefusal("Another backup of the folder is being made."));
    else
      running = send(answer(entries()), socket).finally(() => {
        running = undefined;
      });
  });
  const close = async (): Promise<void> => {
    server.close();
    for (const socket of open) socket.destroy();
    await running;
  };
  try {
    if (path === undefined) throw new Error("the path of the folder is too long for a socket");
    await rm(path, { force: true });
    server.listen(path).unref();
    await once(server, "listening");
  } catch (error) {
    report(`No backup of ${directory} can be made while the server runs: ${(error as Error).message}`);
  }
  return { close };
}

/** Sends as fast as the command takes, until it goes away or is cut off. */
async function send(frames: AsyncIterable<Uint8Array>, socket: Socket): Promise<void> {
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  for await (const frame of frames) {
    if (!socket.writable) return;
    if (!socket.write(frame)) await Promise.race([new Promise((resolve) => socket.once("drain", resolve)), closed]);
  }
  socket.end();
}

async function* answer(entries: AsyncIterable<readonly StoredEntry[]>): AsyncGenerator<Uint8Array> {
  try {
    yield* encodeStream(entries);
  } catch (error) {
    yield encodeRefusal(`The server could not read its folder: ${(error as Error).message}.`);
  }
}

/** The entries of the server that holds the directory, from the time of the call on; `undefined` if none answers. Errors: `BackupFailed`. */
export async function entriesOfServer(directory: string): Promise<AsyncIterable<readonly StoredEntry[]> | undefined> {
  const path = socketPath(directory);
  if (path === undefined) return undefined;
  const socket = createConnection(path);
  try {
    await once(socket, "connect");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EACCES")
      throw new BackupFailed(`The server of ${directory} belongs to another user. Make the backup as that user.`);
    // A server that was killed leaves the socket behind.
    return undefined;
  }
  return decodeStream(socket);
}
