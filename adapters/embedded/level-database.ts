import { existsSync } from "node:fs";
import { join } from "node:path";
import { ClassicLevel, type Snapshot } from "classic-level";
import { StoreUnavailable, type UnavailableReason } from "../../core/ports/store-failures.ts";
import { DirectoryInUse } from "./data-directory.ts";
import type { Disk } from "./disk.ts";
import { storeFailure } from "./disk-failure.ts";
import { lockHolder } from "./lock-holder.ts";

export type LevelOperation =
  | { readonly type: "put"; readonly key: string; readonly value: Uint8Array }
  | { readonly type: "del"; readonly key: string };

export type LevelRange = ({ readonly gte: string } & ({ readonly lt: string } | { readonly lte: string })) & {
  readonly reverse?: boolean;
};

export interface LevelDatabaseOptions {
  readonly create: boolean;
  readonly writeBufferBytes: number;
  readonly disk: Disk;
  /** Runs before it is opened again after a failed write, which takes room. */
  readonly makeRoom: () => void;
}

const KIB = 1024;
const MIB = 1024 * KIB;
export const WRITE_BUFFER_BYTES_DEFAULT = 16 * MIB;
const REOPEN_AFTER_MS = 250;
/** Entries, and bytes, that one step of a scan reads ahead. */
const SCAN_ENTRIES = 256;
const SCAN_BYTES = 256 * 1024;

/** The state before a write; scans that began during the write go on reading it after its end. */
interface View {
  readonly snapshot: Snapshot;
  scans: number;
  writeEnded: boolean;
}

/**
 * LevelDB with two rules of its own.
 *
 * Reads see exactly the writes that have been reported durable. LevelDB itself shows a write a moment before it reports it, so
 * a reader could meet half of what another reader, served from memory, does not see yet.
 *
 * It is `open`, or `broken` after a failed write: its log may then end in a torn record, behind which a restart would not find what
 * is written later. So it is closed and opened again, which rewrites the log, before anything else is read or written. Where
 * even that fails, calls try it again, every 250 ms at most.
 */
export class LevelDatabase {
  readonly #level: ClassicLevel<string, Uint8Array>;
  readonly #makeRoom: () => void;
  /** The state before the write in flight. */
  #before: View | undefined;
  #broken: UnavailableReason | undefined;
  #reopening: Promise<void> | undefined;
  #reopenedAtMs = 0;
  #closed = false;

  private constructor(level: ClassicLevel<string, Uint8Array>, makeRoom: () => void) {
    this.#level = level;
    this.#makeRoom = makeRoom;
  }

  /** Opens the database at `path`, or creates it where `create` says so. Errors: `DirectoryInUse`, `StoreUnavailable`, `StoreCorrupt`. */
  static async open(path: string, { create, writeBufferBytes, disk, makeRoom }: LevelDatabaseOptions): Promise<LevelDatabase> {
    const level = disk.database(path, {
      createIfMissing: create,
      keyEncoding: "utf8",
      valueEncoding: "view",
      // Frames are packed already or too small to pack, and packing would share the processor with the server.
      compression: false,
      writeBufferSize: writeBufferBytes,
      maxFileSize: writeBufferBytes / 2,
      cacheSize: 8 * MIB,
      // Every open table keeps its index in memory: half as large with blocks twice the default.
      blockSize: 8 * KIB,
    });
    try {
      await level.open({ createIfMissing: create });
    } catch (error) {
      const { cause } = error as { readonly cause?: { readonly code?: string } };
      if (cause?.code === "LEVEL_LOCKED") throw inUse(path, error);
      throw storeFailure(cause ?? error, "not-applied");
    }
    return new LevelDatabase(level, makeRoom);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Errors: `StoreUnavailable`, `StoreCorrupt`. */
  getSync(key: string): Uint8Array | undefined {
    this.#requireOpen();
    try {
      return this.#before === undefined
        ? this.#level.getSync(key)
        : this.#level.getSync<string, Uint8Array>(key, { snapshot: this.#before.snapshot });
    } catch (error) {
      throw storeFailure(error, "not-applied");
    }
  }

  /**
   * Hands over the entries of the range, in order, until `take` answers false; it is likely to take `about` of them.
   * Errors: `StoreUnavailable`, `StoreCorrupt`.
   */
  async scan(range: LevelRange, about: number, take: (key: string, value: Uint8Array) => boolean): Promise<void> {
    this.#requireOpen();
    const view = this.#before;
    const snapshot = view === undefined ? {} : { snapshot: view.snapshot };
    if (view !== undefined) view.scans += 1;
    const iterator = this.#level.iterator({ ...range, ...snapshot, highWaterMarkBytes: SCAN_BYTES });
    try {
      for (;;) {
        const entries = await iterator.nextv(Math.min(about, SCAN_ENTRIES)).catch((error: unknown) => {
          throw storeFailure(error, "not-applied");
        });
        if (entries.length === 0) return;
        for (const [key, value] of entries) if (!take(key, value)) return;
      }
    } finally {
      await iterator.close();
      if (view !== undefined) {
        view.scans -= 1;
        release(view);
      }
    }
  }

  /**
   * One write, whole or not at all. When it is durable, `publish` runs, in the same instant in which reads begin to see it. One at a time.
   * Errors: `StoreUnavailable`: `unknown` when the write failed, `not-applied` when it was not begun.
   */
  async write(operations: LevelOperation[], publish: () => void): Promise<void> {
    this.#requireOpen();
    const before: View = { snapshot: this.#level.snapshot(), scans: 0, writeEnded: false };
    this.#before = before;
    try {
      await this.#level.batch<string, Uint8Array>(operations, { sync: true });
    } catch (error) {
      const failure = storeFailure(error, "unknown");
      this.#broken = StoreUnavailable.is(failure) ? failure.reason : "unavailable";
      this.#reopen();
      throw failure;
    } finally {
      this.#before = undefined;
      before.writeEnded = true;
      release(before);
    }
    publish();
  }

  /** Writes the tables of the range anew, without what was deleted. Errors: `StoreUnavailable`. */
  async compact(first: string, last: string): Promise<void> {
    this.#requireOpen();
    await this.#level.compactRange(first, last, { keyEncoding: "utf8" }).catch((error: unknown) => {
      throw storeFailure(error, "not-applied");
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#reopening;
    await this.#level.close();
  }

  #requireOpen(): void {
    if (this.#closed) throw new StoreUnavailable("not-applied", "unavailable", "the store is closed");
    if (this.#broken === undefined) return;
    const reason = this.#broken;
    if (performance.now() - this.#reopenedAtMs >= REOPEN_AFTER_MS) this.#reopen();
    throw new StoreUnavailable("not-applied", reason, "the database is closed after a failed write");
  }

  #reopen(): void {
    this.#reopening ??= this.#closeAndOpen().finally(() => {
      this.#reopenedAtMs = performance.now();
      this.#reopening = undefined;
    });
  }

  async #closeAndOpen(): Promise<void> {
    try {
      await this.#level.close();
      if (this.#closed) return;
      this.#makeRoom();
      // Never a new one: what is gone would be gone for good.
      await this.#level.open({ createIfMissing: false });
      this.#broken = undefined;
    } catch (error) {
      const failure = storeFailure((error as { readonly cause?: unknown }).cause ?? error, "not-applied");
      this.#broken = StoreUnavailable.is(failure) ? failure.reason : "unavailable";
    }
  }
}

/** An iterator refers to its snapshot anew at every step, so that must outlive the scan, not just the write. */
const release = (view: View): void => {
  // A database that is closing closes it itself.
  if (view.writeEnded && view.scans === 0) view.snapshot.close().catch(() => undefined);
};

function inUse(path: string, cause: unknown): DirectoryInUse {
  const pid = lockHolder(join(path, "LOCK"));
  const holder = pid === undefined ? "another process" : `process ${pid}`;
  return new DirectoryInUse(`The folder ${path} is held by ${holder}.`, { cause });
}

/** Errors: `DirectoryInUse` when another process has the database open. Nothing in it changes. */
export async function requireUnlocked(path: string): Promise<void> {
  if (!existsSync(path)) return;
  // LevelDB takes its lock before it looks whether there is a database, and gives it back.
  const probe = new ClassicLevel(path, { createIfMissing: false, errorIfExists: true });
  await probe.open().catch((error: { readonly cause?: { readonly code?: string } }) => {
    if (error.cause?.code === "LEVEL_LOCKED") throw inUse(path, error);
  });
  await probe.close();
}
