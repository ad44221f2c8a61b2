import { randomUUID } from "node:crypto";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";

/** Replaces a file as a whole: a reader finds the old one or the new one. What fails or is aborted on the way leaves the old one. */
export async function writeWhole(path: string, write: (file: FileHandle) => Promise<void>, mode?: number): Promise<void> {
  const written = join(dirname(path), `.${randomUUID()}.part`);
  try {
    const file = await open(written, "wx", mode);
    try {
      await write(file);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(written, path);
  } catch (error) {
    await rm(written, { force: true });
    throw error;
  }
}
