import { setTimeout as pause } from "node:timers/promises";
import { StoreCorrupt } from "../../core/ports/store-failures.ts";
import { dropBallast } from "./ballast.ts";
import { itemsPath, makePrivate, prepareDirectory, raiseFormat } from "./data-directory.ts";
import { type Disk, systemDisk } from "./disk.ts";
import { LevelDatabase, requireUnlocked, WRITE_BUFFER_BYTES_DEFAULT } from "./level-database.ts";
import { checkFiles, checkTable, type Damage } from "./level-files/check-files.ts";

/** Enough for about 200 MB. What is kept for long is in segments, so there are rarely more tables. */
const CHECK_MS_DEFAULT = 500;
/** The pause between two tables, as a multiple of the time that the last one took. */
const REST = 9;

export interface OpenDatabaseOptions {
  /** LevelDB holds up to two such buffers, and rewrites them if it opens after a crash. Default 16 MB. */
  readonly writeBufferBytes: number;
  /** Starts without unreadable data instead of refusing to start. Default false. */
  readonly acceptDataLoss: boolean;
  /** How long the start reads tables. The others are read while the database is open. Default 500 ms. */
  readonly checkMs: number;
  /** Told, in one line, what the operator should know. */
  readonly report: (line: string) => void;
  readonly disk: Disk;
}

/**
 * Opens the database of a data directory. Damage is refused before LevelDB sees it, which would lose more.
 * Errors: `DirectoryInUse`, `FormatTooNew`, `StoreCorrupt`, `StoreUnavailable`.
 */
export async function openDatabase(directory: string, options: Partial<OpenDatabaseOptions>): Promise<LevelDatabase> {
  const create = prepareDirectory(directory) === "empty";
  const makeRoom = () => dropBallast(directory);
  makeRoom();
  const unread = create ? [] : await check(directory, options);
  const { writeBufferBytes = WRITE_BUFFER_BYTES_DEFAULT, disk = systemDisk } = options;
  const database = await LevelDatabase.open(itemsPath(directory), { create, writeBufferBytes, disk, makeRoom }).catch(
    (error: unknown) => {
      if (StoreCorrupt.is(error)) throw new StoreCorrupt(refusal(directory, error.message), { cause: error });
      throw error;
    },
  );
  try {
    makePrivate(itemsPath(directory));
    raiseFormat(directory);
  } catch (error) {
    await database.close();
    throw error;
  }
  void checkRest(unread, database, options.report);
  return database;
}

/** Answers the tables that were not read in time. Errors: `DirectoryInUse`, `StoreCorrupt`. */
async function check(directory: string, options: Partial<OpenDatabaseOptions>): Promise<readonly string[]> {
  const items = itemsPath(directory);
  const { damages, unread } = await checkFiles(items, options.checkMs ?? CHECK_MS_DEFAULT).catch(async (error: unknown) => {
    await requireUnlocked(items);
    throw error;
  });
  if (damages.length === 0) return unread;
  // Files that another process is writing look damaged.
  await requireUnlocked(items);
  const fatal = damages.find(({ abandon }) => abandon === undefined);
  if (fatal !== undefined) throw new StoreCorrupt(refusal(directory, fatal.what));
  if (options.acceptDataLoss !== true) {
    const [first] = damages as [Damage];
    const way = "Restore the folder from a backup, or set ACCEPT_DATA_LOSS=true to go on without what cannot be read.";
    throw new StoreCorrupt(`${sentence(directory, first.what)} ${way}`);
  }
  for (const damage of damages) {
    await damage.abandon?.();
    options.report?.(`${sentence(directory, damage.what)} The server goes on without what cannot be read.`);
  }
  return unread;
}

const sentence = (directory: string, what: string): string => `The folder ${directory} is damaged: in items/, ${what}.`;
const refusal = (directory: string, what: string): string => `${sentence(directory, what)} Restore the folder from a backup.`;

/** Checks the remaining tables in the background, with little processor time. A table that is gone by then was merged into others. */
async function checkRest(tables: readonly string[], database: LevelDatabase, report?: (line: string) => void): Promise<void> {
  for (const path of tables) {
    if (database.closed) return;
    const startedAtMs = performance.now();
    const damage = await checkTable(path).catch(() => undefined);
    if (damage !== undefined)
      report?.(`${path} is damaged: ${damage.what}. The next start will be refused; see ACCEPT_DATA_LOSS.`);
    await pause(REST * (performance.now() - startedAtMs), undefined, { ref: false });
  }
}
