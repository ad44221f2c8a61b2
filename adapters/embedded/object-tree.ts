import { opendir, stat, unlink } from "node:fs/promises";
import { join } from "node:path";

/**
 * Objects as files: a folder for each segment of the key but the last, and a file named by the last segment and `@`. No key holds `@`,
 * so `a` and `a/b` can both be objects.
 */
const FILE_MARK = "@";

/** The path of a valid key, relative to the tree's root. */
export const objectPath = (key: string): string => `${key}${FILE_MARK}`;

async function* entriesOf(folder: string) {
  try {
    yield* await opendir(folder, { bufferSize: 256 });
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

/** Deletes the objects under `folderKey` last written before an instant, epoch ms; answers how many. */
export async function deleteOlder(root: string, folderKey: string, writtenBeforeMs: number): Promise<number> {
  let deleted = 0;
  for await (const entry of entriesOf(join(root, folderKey))) {
    const path = join(folderKey, entry.name);
    if (entry.isDirectory()) deleted += await deleteOlder(root, path, writtenBeforeMs);
    else if (await deleteIfOlder(join(root, path), writtenBeforeMs)) deleted++;
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
