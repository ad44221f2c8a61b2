import { accessSync } from "node:fs";
import { BackupFailed } from "../../adapters/embedded/backup/backup-failed.ts";
import type { BackupContents } from "../../adapters/embedded/backup/backup-marker.ts";
import { entriesOfServer } from "../../adapters/embedded/backup/backup-socket.ts";
import { type BackupOptions, requireEmptyTarget, writeBackup } from "../../adapters/embedded/backup/write-backup.ts";
import { DirectoryInUse, formatPath } from "../../adapters/embedded/data-directory.ts";
import { EmbeddedItemStore } from "../../adapters/embedded/embedded-item-store.ts";
import type { Clock } from "../../core/ports/clock.ts";
import { StartFailure } from "../runtime/start-failure.ts";
import { folderFailure } from "./embedded-stores.ts";

/**
 * Copies the data directory into a new or empty folder, while its server runs or not. Everything acknowledged before the call is in the
 * copy. Errors: `StartFailure`.
 */
export async function backUp(
  directory: string,
  target: string,
  clock: Pick<Clock, "nowMs">,
  options: Partial<BackupOptions> = {},
): Promise<BackupContents> {
  try {
    requireStore(directory);
    requireEmptyTarget(directory, target);
    const takenAtMs = clock.nowMs();
    const entries = await entriesOfServer(directory);
    if (entries !== undefined) return await writeBackup(directory, target, { entries, takenAtMs }, options);
    // No server answers, so the folder is free, and stays so until it is copied.
    const items = await EmbeddedItemStore.open(directory);
    try {
      return await writeBackup(directory, target, { entries: items.entries(), takenAtMs }, options);
    } finally {
      await items.close();
    }
  } catch (error) {
    throw startFailure(error, directory) ?? error;
  }
}

function startFailure(error: unknown, directory: string): StartFailure | undefined {
  if (BackupFailed.is(error)) return new StartFailure(error.message, { cause: error });
  if (!(error instanceof DirectoryInUse)) return folderFailure(error, directory);
  const why = `${error.message} That process answers no request for a backup. Stop it, or update it, and try again.`;
  return new StartFailure(why, { cause: error });
}

/** Errors: `BackupFailed`. */
function requireStore(directory: string): void {
  try {
    accessSync(formatPath(directory));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const what = code === "ENOENT" ? "holds no store" : `cannot be read: ${message}`;
    throw new BackupFailed(`The folder ${directory} ${what}. Name the server's: --data-dir, or DATA_DIR.`);
  }
}
