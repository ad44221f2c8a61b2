import { open, readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { type LogEnd, readLog } from "./log-file.ts";
import { type Manifest, readManifest } from "./manifest.ts";
import { type Block, damagedBlocks, emptied } from "./table-file.ts";

/** Damage in a database's files. */
export interface Damage {
  /** What is wrong with which file, for the operator. */
  readonly what: string;
  /** Makes the database usable without the unreadable data. Absent if that is impossible. */
  readonly abandon?: () => Promise<void>;
}

export interface FilesChecked {
  readonly damages: readonly Damage[];
  /** Paths of the tables that were not read in time. */
  readonly unread: readonly string[];
}

const nothingToDo = async (): Promise<void> => undefined;
const found = (...damages: Damage[]): FilesChecked => ({ damages, unread: [] });

/**
 * Checks every checksum of a closed database. LevelDB itself does not: it skips damaged records of its log and all behind them, deletes
 * the log, and ends the process if keys are out of order. Logs are read whole; tables are read newest first until `tablesMs` have
 * passed. Changes nothing.
 */
export async function checkFiles(folder: string, tablesMs: number): Promise<FilesChecked> {
  const names = await readdir(folder).catch((): string[] => []);
  if (!names.includes("CURRENT")) return found({ what: "there is no file CURRENT, without which nothing in it is found" });
  const name = (await readFile(join(folder, "CURRENT"), "latin1")).trimEnd();
  if (!/^MANIFEST-\d+$/.test(name)) return found({ what: "CURRENT cannot be read" });
  if (!names.includes(name)) return found({ what: `${name} is missing` });
  const manifest = manifestOf(await readFile(join(folder, name)));
  if (manifest === undefined || typeof manifest.end === "object") return found({ what: `${name} fails its checksum` });
  const logs = await checkLogs(folder, names, manifest.logNumber);
  const tables = await checkTables(folder, names, manifest, performance.now() + tablesMs);
  return { damages: [...logs, ...tables.damages], unread: tables.unread };
}

function manifestOf(file: Buffer): Manifest | undefined {
  try {
    return readManifest(file);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

async function checkLogs(folder: string, names: readonly string[], first: number): Promise<Damage[]> {
  const logs = names
    .filter((name) => /^\d+\.log$/.test(name) && Number.parseInt(name, 10) >= first)
    .sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10));
  const damages: Damage[] = [];
  if (first > 0 && Number.parseInt(logs[0] ?? "", 10) !== first) {
    damages.push({ what: `${numbered(first, "log")} is missing`, abandon: nothingToDo });
  }
  // Only the log that was written to last can end in the middle of a write.
  let torn: string | undefined;
  for (const name of logs) {
    let entries = 0;
    const end: LogEnd = readLog(await readFile(join(folder, name)), () => entries++);
    if (torn !== undefined && entries > 0) damages.push({ what: `${torn} ends too soon`, abandon: nothingToDo });
    // LevelDB skips the damage by itself.
    if (typeof end === "object") {
      damages.push({ what: `${name} fails its checksum at byte ${end.damagedAt}`, abandon: nothingToDo });
    }
    torn = end === "torn" ? name : undefined;
  }
  return damages;
}

async function checkTables(
  folder: string,
  names: readonly string[],
  { tables }: Manifest,
  untilMs: number,
): Promise<{ damages: Damage[]; unread: string[] }> {
  const damages: Damage[] = [];
  const unread: string[] = [];
  for (const [number, bytes] of [...tables].sort(([a], [b]) => b - a)) {
    const name = [numbered(number, "ldb"), numbered(number, "sst")].find((one) => names.includes(one));
    if (name === undefined) damages.push({ what: `${numbered(number, "ldb")} is missing` });
    else if (performance.now() > untilMs) unread.push(join(folder, name));
    else {
      const damage = await checkTable(join(folder, name), bytes);
      if (damage !== undefined) damages.push(damage);
    }
  }
  return { damages, unread };
}

/** `bytes`: the length that the table must have, if known. */
export async function checkTable(path: string, bytes?: number): Promise<Damage | undefined> {
  const table = await readFile(path);
  const name = basename(path);
  if (bytes !== undefined && table.length < bytes) return { what: `${name} is cut` };
  const blocks = damagedBlocks(table);
  const [first] = blocks;
  if (first === undefined) return undefined;
  const what = `${name} fails its checksum at byte ${first.offset}`;
  return blocks.some((block) => emptied(table, block) === undefined)
    ? { what }
    : { what, abandon: () => overwrite(path, table, blocks) };
}

async function overwrite(path: string, table: Buffer, blocks: readonly Block[]): Promise<void> {
  const file = await open(path, "r+");
  try {
    for (const block of blocks) {
      const bytes = emptied(table, block);
      if (bytes !== undefined) await file.write(bytes, 0, bytes.length, block.offset);
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

const numbered = (number: number, extension: string): string => `${String(number).padStart(6, "0")}.${extension}`;
