import { opendir, stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import { OBJECT_KEY } from "../../core/ports/object-store.ts";

/**
 * Objects as files: a folder for each segment of the key but the last, and a file named by the last one and `@`, which no key holds:
 * so `a` and `a/b` can both be objects.
 */
const FILE_MARK = "@";

/** Of a valid key, relative to the tree's root. */
export const objectPath = (key: string): string => `${key}${FILE_MARK}`;

/** Part of a folder, at most: names are sorted in memory. */
const NAMES_MAX = 1_024;

/**
 * Keys under `prefix` behind `after`, ascending. Memory: a thousand names for each level of folders, however many there are.
 */
export async function* keysInOrder(root: string, prefix: string, after: string): AsyncGenerator<string> {
  const folderKey = prefix.slice(0, prefix.lastIndexOf("/") + 1);
  // Nothing but keys may choose a path.
  if (folderKey !== "" && !OBJECT_KEY.test(folderKey.slice(0, -1))) return;
  yield* keysInFolder(root, folderKey, prefix, after);
}

/** `folderKey` is empty or ends in a slash. */
async function* keysInFolder(root: string, folderKey: string, prefix: string, after: string): AsyncGenerator<string> {
  let behind = "";
  for (;;) {
    const names = await firstNames(join(root, folderKey), (name) => name > behind && mayHold(folderKey + name, prefix, after));
    for (const name of names) {
      if (name.endsWith("/")) yield* keysInFolder(root, folderKey + name, prefix, after);
      else yield folderKey + name;
    }
    const last = names.at(-1);
    if (last === undefined || names.length < NAMES_MAX) return;
    behind = last;
  }
}

/** `path`: a key, or a folder and a slash, behind which its keys sort together. */
function mayHold(path: string, prefix: string, after: string): boolean {
  if (!path.endsWith("/")) return path.startsWith(prefix) && path > after;
  return (path.startsWith(prefix) || prefix.startsWith(path)) && (path > after || after.startsWith(path));
}

/** The first names of a folder that `wanted` takes, in order: of objects, and of folders with a slash. None where it is missing. */
async function firstNames(folder: string, wanted: (name: string) => boolean): Promise<string[]> {
  const names: string[] = [];
  for await (const entry of entriesOf(folder)) {
    if (!entry.isDirectory() && !entry.name.endsWith(FILE_MARK)) continue;
    const name = entry.isDirectory() ? `${entry.name}/` : entry.name.slice(0, -FILE_MARK.length);
    if (!wanted(name)) continue;
    names.push(name);
    if (names.length >= 2 * NAMES_MAX) keepFirst(names);
  }
  keepFirst(names);
  return names;
}

/** Names are ASCII, where the order of code units is that of UTF-8. */
function keepFirst(names: string[]): void {
  names.sort();
  names.length = Math.min(names.length, NAMES_MAX);
}

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
