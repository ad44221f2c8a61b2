import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";

/** Bytes of all files of a folder. A file that goes meanwhile is not counted. */
export function folderBytes(folder: string): number {
  let bytes = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isFile()) bytes += statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0;
  }
  return bytes;
}

/** How many files of a folder have a name that ends so. */
export const filesEnding = (folder: string, ending: string): number =>
  readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(ending)).length;
