import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { StoreCorrupt } from "../../core/ports/store-failures.ts";
import { requireComplete } from "./backup/backup-marker.ts";

/**
 * A data directory: `FORMAT` names its layout, `items/` is a LevelDB database (its lock keeps a second process out), `objects/`
 * holds the objects, and `objects.tmp/` those being written. One that was made as a backup has `BACKUP`.
 */
export const itemsPath = (directory: string): string => join(directory, "items");
export const objectsPath = (directory: string): string => join(directory, "objects");
export const unfinishedObjectsPath = (directory: string): string => join(directory, "objects.tmp");

/**
 * Raised when files in a data directory change in a way that older code must not touch.
 *
 *   1  the checksum of an item leaves its key out
 *   2  new items are checked with their key
 */
const FORMAT = 2;

/** Another process holds the directory. */
export class DirectoryInUse extends Error {
  override readonly name = "DirectoryInUse";
}

/** The directory was written by a newer version. */
export class FormatTooNew extends Error {
  override readonly name = "FormatTooNew";
}

/**
 * Creates the directory, or checks that this version may use it. Answers whether its database must still be created. That is so only
 * while FORMAT is empty: after the first start, a missing database is a lost one.
 * Errors: `FormatTooNew`, `StoreCorrupt`.
 */
export function prepareDirectory(directory: string): "empty" | "in use" {
  makeDirectory(directory);
  requireComplete(directory);
  const path = formatPath(directory);
  const inItems = existsSync(itemsPath(directory)) ? readdirSync(itemsPath(directory)) : [];
  if (!existsSync(path)) {
    if (inItems.length > 0)
      throw new StoreCorrupt(`The folder ${directory} holds data but no FORMAT file. Restore it from a backup.`);
    // Two processes that start at once write the same.
    writeFileSync(path, "", { flush: true });
  }
  const text = readFileSync(path, "utf8");
  if (text === "") {
    if (inItems.includes("CURRENT")) return "in use";
    if (inItems.every((name) => !/\.(log|ldb|sst)$/.test(name))) return "empty";
    throw new StoreCorrupt(`The folder ${directory} holds data, but its FORMAT file is empty. Restore it from a backup.`);
  }
  const found = readFormat(text);
  if (found === undefined) {
    throw new StoreCorrupt(`The FORMAT file of the folder ${directory} cannot be read. Restore it from a backup.`);
  }
  if (found > FORMAT) {
    throw new FormatTooNew(
      `The folder ${directory} has format ${found}; this version knows formats up to ${FORMAT}. Start the version that wrote it.`,
    );
  }
  return "in use";
}

/** Writes this version's format once the database exists and its lock is held. From then on older versions refuse the directory. */
export function raiseFormat(directory: string): void {
  const path = formatPath(directory);
  const text = `${JSON.stringify({ format: FORMAT })}\n`;
  if (readFileSync(path, "utf8") === text) return;
  writeFileSync(`${path}.tmp`, text, { flush: true });
  renameSync(`${path}.tmp`, path);
  syncFolder(directory);
}

export const formatPath = (directory: string): string => join(directory, "FORMAT");

function syncFolder(path: string): void {
  const folder = openSync(path, "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/** No other user may read messages, webhook secrets and the key that signs handles. */
const PRIVATE = 0o700;

/** Keeps other users out of a folder, even if an older version left it open. A folder of another owner stays as it is. */
export function makePrivate(path: string): void {
  try {
    chmodSync(path, PRIVATE);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPERM") throw error;
  }
}

/** As `mkdir -p`. Node's own never ends below a folder such as /proc, which exists and takes no entries. */
export function makeDirectory(directory: string): void {
  const path = resolve(directory);
  if (existsSync(path)) return;
  if (dirname(path) !== path) makeDirectory(dirname(path));
  try {
    mkdirSync(path, { mode: PRIVATE });
    syncFolder(dirname(path));
  } catch (error) {
    // Another process was quicker. The database's lock decides which of them may have the folder.
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

function readFormat(text: string): number | undefined {
  try {
    const { format } = JSON.parse(text) as { readonly format?: unknown };
    return typeof format === "number" && format >= 1 ? format : undefined;
  } catch {
    return undefined;
  }
}
