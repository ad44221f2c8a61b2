import { opendir, stat, unlink } from "node:fs/promises";
import { join } from "node:path";

/**
 * Objects as files: a folder for each segment of the key but the last, and a file named by the last segment and `@`. No key holds `@`,
 * so `a` and `a/b` can both be objects.
 */
const FILE_MARK = "@";

/** The path of a valid key, relative to the tree's root. */
export const objectPath = (key: string): string => `${key}${FILE_MARK}`;

export async function* entriesOf(folder: string) {
  try {
    yield* await opendir(folder, { bufferSize: 256 });
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

/** The names of the folders right under one; none where there is none. */
export async function foldersIn(folder: string): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const entry of entriesOf(folder)) if (entry.isDirectory()) names.push(entry.name);
  return names;
}

/** Deletes the objects right under `folderKey` last written before an instant, epoch ms; answers how many. */
export async function deleteOlder(root: string, folderKey: string, writtenBeforeMs: number): Promise<number> {
  let deleted = 0;
  for await (const entry of entriesOf(join(root, folderKey))) {
    if (entry.isFile() && (await deleteIfOlder(join(root, folderKey, entry.name), writtenBeforeMs))) deleted++;
  }
  return deleted;
}

async function deleteIfOlder(path: string, writtenBeforeMs: number): Promise<boolean> {
  try {
    if ((await stat(path)).mtimeMs >= writtenBeforeMs) return false;
    await unlink(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

export const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === "ENOENT";
