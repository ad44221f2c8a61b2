import { readdirSync, readFileSync, realpathSync } from "node:fs";
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { StoreUnavailable } from "../../../core/ports/store-failures.ts";
import { formatPath, itemsPath, makeDirectory, objectsPath } from "../data-directory.ts";
import { type Disk, systemDisk } from "../disk.ts";
import { storeFailure } from "../disk-failure.ts";
import { FreeSpace, RESERVE_BYTES_DEFAULT } from "../free-space.ts";
import { BackupFailed } from "./backup-failed.ts";
import { type BackupContents, completeMarker, markerPath, unfinishedMarker } from "./backup-marker.ts";
import { copyItems } from "./copy-items.ts";
import { copyObjects } from "./copy-objects.ts";
import type { StoredEntry } from "./entry-stream.ts";

export interface BackupOptions {
  readonly disk: Disk;
  /** What is left free of the target's disk. Default 128 MB: a server on the same disk refuses sends below 64. */
  readonly reserveBytes: number;
}

/** Errors: `BackupFailed` for a target that is not a new or empty folder outside the data directory. */
export function requireEmptyTarget(directory: string, target: string): void {
  const way = relative(realpathSync(directory), realPath(target));
  const isOutside = way === ".." || way.startsWith(`..${sep}`) || isAbsolute(way);
  if (!isOutside) throw new BackupFailed(`${target} is inside the folder ${directory}. Name a folder elsewhere.`);
  try {
    if (readdirSync(target).length === 0) return;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return;
    throw new BackupFailed(`${target} cannot be used: ${message}.`, { cause: error });
  }
  throw new BackupFailed(`${target} is not empty. Name a new folder, or an empty one.`);
}

/**
 * Copies a data directory: first its entries, then its objects. Objects are there before an item names them, and go when what they hold
 * has expired; so all that the entries name and that has not expired is copied. A folder that lacks a part is no data directory: a start
 * on it is refused.
 * Errors: `BackupFailed`.
 */
export async function writeBackup(
  directory: string,
  target: string,
  source: { readonly entries: AsyncIterable<readonly StoredEntry[]>; readonly takenAtMs: number },
  options: Partial<BackupOptions> = {},
): Promise<BackupContents> {
  const { disk = systemDisk, reserveBytes = 2 * RESERVE_BYTES_DEFAULT } = options;
  const { entries, takenAtMs } = source;
  let begun = false;
  let space: FreeSpace | undefined;
  try {
    makeDirectory(target);
    // Fails where another command has begun a backup in the same folder.
    await writeDurably(disk, markerPath(target), unfinishedMarker(takenAtMs));
    begun = true;
    await disk.syncFolder(target);
    space = await FreeSpace.watch(target, reserveBytes);
    const items = await copyItems(entries, itemsPath(target), { disk, space });
    const objects = await copyObjects(objectsPath(directory), objectsPath(target), { disk, space });
    const contents = { takenAtMs, items, objects };
    await complete(disk, directory, target, contents);
    return contents;
  } catch (error) {
    const left = begun ? ` What was copied by then is left in ${target}; no server starts on it. Delete it.` : "";
    throw new BackupFailed(`${reasonOf(error, target)}${left}`, { cause: error });
  } finally {
    await space?.close();
  }
}

/** The format is written when all it speaks of is there; the marker is replaced when all is durable. */
async function complete(disk: Disk, directory: string, target: string, contents: BackupContents): Promise<void> {
  await writeDurably(disk, formatPath(target), readFileSync(formatPath(directory), "utf8"));
  await disk.syncFolder(target);
  const marker = markerPath(target);
  await writeDurably(disk, `${marker}.tmp`, completeMarker(contents));
  await disk.rename(`${marker}.tmp`, marker);
  await disk.syncFolder(target);
}

async function writeDurably(disk: Disk, path: string, text: string): Promise<void> {
  const file = await disk.create(path);
  try {
    await file.writeFile(Buffer.from(text));
    await file.datasync();
  } finally {
    await file.close();
  }
}

function reasonOf(error: unknown, target: string): string {
  if (BackupFailed.is(error)) return error.message;
  const { cause } = error as { readonly cause?: unknown };
  const failure = StoreUnavailable.is(error) ? error : storeFailure(cause ?? error, "not-applied");
  if (StoreUnavailable.is(failure) && failure.reason === "full") return `The disk of ${target} is full, or nearly so.`;
  return `${target} cannot be written: ${failure.message}.`;
}

/** Where a path leads, of which the last parts need not exist. */
function realPath(path: string): string {
  const whole = resolve(path);
  try {
    return realpathSync(whole);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") return whole;
    return join(realPath(dirname(whole)), basename(whole));
  }
}
