import type { FileHandle } from "node:fs/promises";
import { link, mkdir, open, rename, unlink } from "node:fs/promises";
import { ClassicLevel, type DatabaseOptions } from "classic-level";

/** A file that is being written. */
export type NewFile = Pick<FileHandle, "writeFile" | "datasync" | "close">;

/**
 * The parts of a disk that last only once they are synced: the database, files, and names in folders. Tests put a disk beneath the
 * stores that loses whatever was not synced.
 */
export interface Disk {
  database(path: string, options: DatabaseOptions<string, Uint8Array>): ClassicLevel<string, Uint8Array>;
  /** Errors: the system's, if the file exists. */
  create(path: string): Promise<NewFile>;
  /** Existing folders are left as they are. */
  mkdir(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** A second name for a file. Errors: the system's, also where a file system has no such names. */
  link(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /** Makes the names in a folder last. */
  syncFolder(path: string): Promise<void>;
}

export const systemDisk: Disk = {
  database: (path, options) => new ClassicLevel<string, Uint8Array>(path, options),
  create: (path) => open(path, "wx"),
  mkdir: async (path) => {
    await mkdir(path, { recursive: true });
  },
  rename,
  link,
  unlink,
  async syncFolder(path) {
    const folder = await open(path, "r");
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  },
};
