import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { ClassicLevel, type DatabaseOptions, type Snapshot } from "classic-level";
import { StoreUnavailable, type UnavailableReason } from "../../core/ports/store-failures.ts";
import type { StoredEntry } from "./backup/entry-stream.ts";
import { DirectoryInUse } from "./data-directory.ts";
import type { Disk } from "./disk.ts";
import { storeFailure } from "./disk-failure.ts";

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
  /** Called before the database is opened again after a failed write: opening needs room. */
  readonly makeRoom: () => void;
}

const KIB = 1024;
const MIB = 1024 * KIB;
/** There are two of them while one is written out. */
export const WRITE_BUFFER_BYTES_DEFAULT = 8 * MIB;
const REOPEN_AFTER_MS = 250;
/** Entries and bytes that one step of a scan reads ahead. */
const SCAN_ENTRIES = 256;
const SCAN_BYTES = 256 * 1024;
/** Of a scan of everything. A closed iterator holds the entries of its last step until it is collected, so there are not many of them. */
const STEPS_PER_ITERATOR = 64;

export const databaseOptions = (writeBufferBytes: number): DatabaseOptions<string, Uint8Array> => ({
  keyEncoding: "utf8",
  valueEncoding: "view",
  // Frames are packed already or too small to pack, and packing would take processor time from the server.
  compression: false,
  writeBufferSize: writeBufferBytes,
  maxFileSize: writeBufferBytes,
  cacheSize: 4 * MIB,
  // Every open table keeps its index in memory. Blocks of twice the default size halve it.
  blockSize: 8 * KIB,
});

/** The state before a write. Scans that began during the write keep reading it after the write has ended. */
interface View {
  readonly snapshot: Snapshot;
  scans: number;
  writeEnded: boolean;
}

/**
 * LevelDB with two additional rules.
 *
 * Reads see exactly the writes that have been reported durable. LevelDB itself shows a write a moment before it reports it: a reader
 * could then see half of what another reader, served from memory, does not see yet.
 *
 * The database is `open`, or `broken` after a failed write. Its log may then end in a torn record, and a restart would not find
 * anything written behind it. So the database is closed and opened again, which rewrites the log, before anything else is read or
 * written. If that fails too, later calls try again, every 250 ms at most.
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
    const level = disk.database(path, databaseOptions(writeBufferBytes));
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
   * Passes the entries of the range to `take`, in order, until it answers false. `about`: how many it will probably take.
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
   * One write, whole or not at all. Once it is durable, `publish` runs in the same turn in which reads begin to see it. One write at a
   * time.
   * Errors: `StoreUnavailable`: `unknown` if the write failed, `not-applied` if it was not begun.
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

  /**
   * All entries in the order of their keys, as they are at the first step, with every write that was reported durable by then. A write in
   * flight is among them whole or not at all. Fails if the database is closed meanwhile, or starts anew. Errors: `StoreUnavailable`,
   * `StoreCorrupt`.
   */
  async *entries(): AsyncGenerator<readonly StoredEntry[]> {
    this.#requireOpen();
    const snapshot = this.#level.snapshot();
    try {
      for (let last: Uint8Array | undefined; ; ) {
        let steps = 0;
        for await (const step of this.#entriesBehind(last, snapshot)) {
          yield step;
          last = step.at(-1)?.[0];
          steps += 1;
        }
        if (steps < STEPS_PER_ITERATOR) return;
      }
    } catch (error) {
      throw StoreUnavailable.is(error) ? error : storeFailure(error, "not-applied");
    } finally {
      await snapshot.close();
    }
  }

  /** Some steps. An open iterator keeps the tables of its time on the disk, also those that were merged into others since. */
  async *#entriesBehind(last: Uint8Array | undefined, snapshot: Snapshot): AsyncGenerator<readonly StoredEntry[]> {
    this.#requireOpen();
    const iterator = this.#level.iterator<Uint8Array, Uint8Array>({
      ...(last !== undefined && { gt: last }),
      snapshot,
      keyEncoding: "view",
      highWaterMarkBytes: SCAN_BYTES,
    });
    try {
      for (let steps = 0; steps < STEPS_PER_ITERATOR; steps++) {
        this.#requireOpen();
        const step = await iterator.nextv(SCAN_ENTRIES);
        if (step.length === 0) return;
        yield step;
      }
    } finally {
      await iterator.close();
    }
  }

  /** About how many bytes of the tables are in the range. Errors: `StoreUnavailable`. */
  async tableBytes(first: string, last: string): Promise<number> {
    this.#requireOpen();
    return this.#level.approximateSize(first, last, { keyEncoding: "utf8" }).catch((error: unknown) => {
      throw storeFailure(error, "not-applied");
    });
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
      // A new database is never created here: the lost data would be gone for good.
      await this.#level.open({ createIfMissing: false });
      this.#broken = undefined;
    } catch (error) {
      const failure = storeFailure((error as { readonly cause?: unknown }).cause ?? error, "not-applied");
      this.#broken = StoreUnavailable.is(failure) ? failure.reason : "unavailable";
    }
  }
}

/** Closes the snapshot after the write and all scans: an iterator uses its snapshot at every step. */
const release = (view: View): void => {
  // A closing database closes the snapshot itself.
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
  // LevelDB takes its lock before it checks whether a database exists, and then releases it.
  const probe = new ClassicLevel(path, { createIfMissing: false, errorIfExists: true });
  await probe.open().catch((error: { readonly cause?: { readonly code?: string } }) => {
    if (error.cause?.code === "LEVEL_LOCKED") throw inUse(path, error);
  });
  await probe.close();
}

/** The process that holds a lock on a file, where the system tells: Linux does, of the processes that this one can see. */
function lockHolder(path: string): number | undefined {
  try {
    const { ino } = statSync(path);
    const holders = new Set<number>();
    for (const line of readFileSync("/proc/locks", "utf8").split("\n")) {
      // 1: POSIX  ADVISORY  WRITE 12345 fd:00:1048601 0 EOF
      const [, , , , pid, place = ""] = line.trim().split(/\s+/);
      if (Number(place.split(":")[2]) === ino && Number(pid) > 0) holders.add(Number(pid));
    }
    // A file of another disk may have the same number: then nobody is named, rather than the wrong one.
    const [holder] = holders;
    return holders.size === 1 ? holder : undefined;
  } catch {
    // No /proc/locks, or not for us.
  }
  return undefined;
}
