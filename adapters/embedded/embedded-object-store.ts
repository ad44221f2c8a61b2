import fs from "node:fs";
import { mkdir, readdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { OBJECT_KEY, type ObjectStore } from "../../core/ports/object-store.ts";
import { type Outcome, StoreMisuse } from "../../core/ports/store-failures.ts";
import { checkObjectBytes, checkObjectKey, checkRange } from "../objects/object-limits.ts";
import type { Telemetry } from "../telemetry.ts";
import { BoundedCalls } from "./bounded-calls.ts";
import { makePrivate, objectsPath, prepareDirectory, unfinishedObjectsPath } from "./data-directory.ts";
import { type Disk, systemDisk } from "./disk.ts";
import { storeFailure } from "./disk-failure.ts";
import { FreeSpace, RESERVE_BYTES_DEFAULT } from "./free-space.ts";
import { deleteOlder, foldersIn, isMissing, objectPath } from "./object-tree.ts";
import { SharedSync } from "./shared-sync.ts";

/** Files open at once; each call opens one. */
const FILES_MAX = 64;
/** A sync of more holds up those of the database, which senders wait for. */
const PIECE_BYTES = 1024 * 1024;
/** Characters in a segment of a key. A file's name has 255 bytes on most file systems, and one of them is the mark. */
const SEGMENT_CHARS_MAX = 254;

export interface EmbeddedObjectStoreOptions {
  readonly telemetry?: Telemetry;
  /** Shared with the item store, so that neither uses the other's reserve. Default: a separate one, of 64 MB. */
  readonly space?: FreeSpace;
  readonly disk?: Disk;
}

/**
 * Objects as files. A file is written and synced under a temporary name, then renamed, and then its folder is synced. A crash leaves
 * the old state or the new one, and at worst a temporary file, which the next start removes. Limit: besides the port's, 254 characters
 * in a segment of a key.
 */
export class EmbeddedObjectStore implements ObjectStore {
  readonly #root: string;
  readonly #unfinished: string;
  readonly #telemetry: Telemetry | undefined;
  readonly #space: FreeSpace;
  readonly #disk: Disk;
  readonly #files = new BoundedCalls(FILES_MAX);
  readonly #syncs: SharedSync;
  /** Folders that exist durably, or are about to. */
  readonly #folders = new Map<string, Promise<void>>();
  /** Folders that a sweep found to be over, for the next one to delete. */
  readonly #over = new Set<string>();
  #written = 0;

  private constructor(directory: string, space: FreeSpace, options: EmbeddedObjectStoreOptions) {
    this.#root = objectsPath(directory);
    this.#unfinished = unfinishedObjectsPath(directory);
    this.#space = space;
    this.#telemetry = options.telemetry;
    this.#disk = options.disk ?? systemDisk;
    this.#syncs = new SharedSync(this.#disk);
  }

  /** The item store of the directory must be open: its lock keeps other processes out. Errors: `FormatTooNew`, `StoreCorrupt`, `StoreUnavailable`. */
  static async open(directory: string, options: EmbeddedObjectStoreOptions = {}): Promise<EmbeddedObjectStore> {
    prepareDirectory(directory);
    const space = options.space ?? (await FreeSpace.watch(directory, RESERVE_BYTES_DEFAULT));
    const store = new EmbeddedObjectStore(directory, space, options);
    try {
      // The folder stays: on a full disk there may be no room for a new one.
      await mkdir(store.#unfinished, { recursive: true });
      for (const name of await readdir(store.#unfinished)) await rm(join(store.#unfinished, name), { recursive: true });
      await mkdir(store.#root, { recursive: true });
      for (const path of [store.#unfinished, store.#root]) makePrivate(path);
      await store.#syncs.folder(directory);
    } catch (error) {
      throw storeFailure(error, "not-applied");
    }
    return store;
  }

  async put(key: string, bytes: Uint8Array): Promise<void> {
    return this.#metered("put", async (moved) => {
      const path = this.#path(key);
      checkObjectBytes(bytes);
      moved(bytes.length);
      return this.#files.run(() => this.#write(path, bytes));
    });
  }

  async getRange(key: string, offset: number, length: number): Promise<Uint8Array | undefined> {
    return this.#metered("getRange", async (moved) => {
      const path = this.#path(key);
      checkRange(offset, length);
      const bytes = await this.#files.run(() => unlessMissing(() => readRange(path, offset, length)));
      moved(bytes?.length ?? 0);
      return bytes;
    });
  }

  /**
   * Deletes the objects right under a folder (`log/r4/`) last written before `beforeMs`, epoch ms, and answers how many: what a lifecycle
   * rule does to a bucket. One that a crash brings back is deleted the next time.
   */
  async sweepOlderThan(folderPrefix: string, beforeMs: number): Promise<number> {
    const folderKey = folderPrefix.endsWith("/") ? folderPrefix.slice(0, -1) : folderPrefix;
    if (!OBJECT_KEY.test(folderKey)) throw new StoreMisuse(`${folderPrefix} cannot hold objects`);
    try {
      return await deleteOlder(this.#root, folderKey, beforeMs);
    } catch (error) {
      throw storeFailure(error, "unknown");
    }
  }

  /**
   * Deletes the folders right under a folder (`log/r4/`) of whose names `isOver` says so, with all they hold. Only those that were over
   * at the call before as well: a machine may have slept while an object was on its way into one.
   */
  async sweepFolders(folderPrefix: string, isOver: (name: string) => boolean): Promise<void> {
    const root = join(this.#root, folderPrefix);
    for (const name of await foldersIn(root)) {
      if (!isOver(name)) continue;
      const path = join(root, name);
      if (!this.#over.delete(path)) {
        this.#over.add(path);
        continue;
      }
      this.#folders.delete(path);
      await rm(path, { recursive: true, force: true });
    }
  }

  async #write(path: string, bytes: Uint8Array): Promise<void> {
    const unfinished = join(this.#unfinished, String(this.#written++));
    const folder = dirname(path);
    // Every object holds messages of a send. A refused object leaves nothing behind.
    this.#space.require("append", bytes.length);
    const ended = this.#space.begin(bytes.length);
    let outcome: Outcome = "not-applied";
    try {
      await this.#ensureFolder(folder);
      await this.#writeDurably(unfinished, bytes);
      outcome = "unknown";
      await this.#disk.rename(unfinished, path);
      await this.#syncs.folder(folder);
    } catch (error) {
      throw storeFailure(error, outcome);
    } finally {
      // Usually the file is gone: it was renamed, or never created. A file that stays is removed at the next start.
      await this.#disk.unlink(unfinished).catch(() => undefined);
      ended();
    }
  }

  async #writeDurably(path: string, bytes: Uint8Array): Promise<void> {
    const file = await this.#disk.create(path);
    try {
      let written = 0;
      do {
        const piece = bytes.subarray(written, written + PIECE_BYTES);
        await file.writeFile(piece);
        await file.datasync();
        written += piece.length;
      } while (written < bytes.length);
    } finally {
      await file.close();
    }
  }

  /** A folder's name is durable once its parent is synced. An earlier process may have died between the two, so this is done for each. */
  #ensureFolder(folder: string): Promise<void> {
    let ensured = this.#folders.get(folder);
    if (ensured === undefined) {
      ensured = this.#createFolder(folder);
      this.#folders.set(folder, ensured);
      ensured.catch(() => this.#folders.delete(folder));
    }
    return ensured;
  }

  async #createFolder(folder: string): Promise<void> {
    if (folder === this.#root) return;
    await this.#ensureFolder(dirname(folder));
    await this.#disk.mkdir(folder);
    await this.#syncs.folder(dirname(folder));
  }

  #path(key: string): string {
    checkObjectKey(key);
    if (key.split("/").some((segment) => segment.length > SEGMENT_CHARS_MAX)) {
      throw new StoreMisuse(`a segment of ${key} has over ${SEGMENT_CHARS_MAX} characters`);
    }
    return join(this.#root, objectPath(key));
  }

  async #metered<T>(operation: string, run: (moved: (bytes: number) => void) => Promise<T>): Promise<T> {
    let bytes = 0;
    try {
      return await run((moved) => {
        bytes += moved;
      });
    } finally {
      this.#telemetry?.consumed({ store: "objects", operation, writeUnits: 0, readUnits: 0, requests: 0, bytes });
    }
  }
}

const UNASKED_BYTES_MAX = 1024 * 1024;

// Plain descriptors, since a FileHandle takes half as long again and receives wait for these reads.
const descriptor = { open: promisify(fs.open), read: promisify(fs.read), stat: promisify(fs.fstat), close: promisify(fs.close) };

async function readRange(path: string, offset: number, length: number): Promise<Uint8Array> {
  const file = await descriptor.open(path, "r");
  try {
    // A small range is read without checking first whether the object is that long.
    const room =
      length <= UNASKED_BYTES_MAX ? length : Math.max(0, Math.min(length, (await descriptor.stat(file)).size - offset));
    const bytes = new Uint8Array(Buffer.allocUnsafeSlow(room).buffer);
    const { bytesRead } = await descriptor.read(file, bytes, 0, bytes.length, offset);
    // A copy, since the caller may keep it: a view would hold on to the whole buffer.
    return bytesRead < bytes.length ? bytes.slice(0, bytesRead) : bytes;
  } finally {
    await descriptor.close(file);
  }
}

async function unlessMissing<T>(call: () => Promise<T>): Promise<T | undefined> {
  try {
    return await call();
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw storeFailure(error, "not-applied");
  }
}
