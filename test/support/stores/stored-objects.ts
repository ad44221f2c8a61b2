import { readdir } from "node:fs/promises";
import { join, relative } from "node:path";
import { OBJECT_BYTES_MAX, type ObjectStore } from "../../../core/ports/object-store.ts";

/** The whole object; `undefined` if there is none. */
export const wholeObject = (store: ObjectStore, key: string): Promise<Uint8Array | undefined> =>
  store.getRange(key, 0, OBJECT_BYTES_MAX);

/** The keys of the objects in an embedded store's folder, in order. Files are named by the key and a mark. */
export async function objectsIn(directory: string): Promise<readonly string[]> {
  const root = join(directory, "objects");
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => relative(root, join(entry.parentPath, entry.name)));
  return files.map((path) => path.replace(/@$/, "")).sort();
}
