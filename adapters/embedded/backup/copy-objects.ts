import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Disk } from "../disk.ts";
import type { FreeSpace } from "../free-space.ts";
import { entriesOf, isMissing } from "../object-tree.ts";

/** Objects copied at once: each may have 16 MB. */
const AT_ONCE = 4;
/** Codes of a link that this file system, or these two, cannot have; also where a file has as many names as it may. */
const NO_LINKS: ReadonlySet<string> = new Set(["EXDEV", "EPERM", "EACCES", "EMLINK", "ENOSYS", "ENOTSUP", "EOPNOTSUPP"]);

interface Target {
  readonly disk: Disk;
  readonly space: FreeSpace;
}

/**
 * Gives every object a second name under `to`, durably, or copies it where that cannot be, and answers how many there are. An object
 * never changes, so both names may lead to the same bytes. An object that a sweep deletes meanwhile has expired. Errors: the system's;
 * `StoreUnavailable` for a full disk.
 */
export async function copyObjects(from: string, to: string, target: Target): Promise<number> {
  let copied = 0;
  let files: string[] = [];
  const copyFiles = async (): Promise<void> => {
    const done = await Promise.all(files.map((name) => copyObject(join(from, name), join(to, name), target)));
    copied += done.filter((one) => one).length;
    files = [];
  };
  await target.disk.mkdir(to);
  for await (const entry of entriesOf(from)) {
    if (entry.isDirectory()) copied += await copyObjects(join(from, entry.name), join(to, entry.name), target);
    else if (entry.isFile()) files.push(entry.name);
    if (files.length >= AT_ONCE) await copyFiles();
  }
  await copyFiles();
  await target.disk.syncFolder(to);
  return copied;
}

async function copyObject(from: string, to: string, { disk, space }: Target): Promise<boolean> {
  try {
    await disk.link(from, to);
    return true;
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    if (!NO_LINKS.has(code) && !isMissing(error)) throw error;
  }
  const bytes = await readFile(from).catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw error;
  });
  if (bytes === undefined) return false;
  space.require("append", bytes.length);
  const ended = space.begin(bytes.length);
  const file = await disk.create(to);
  try {
    await file.writeFile(bytes);
    await file.datasync();
  } finally {
    await file.close();
    ended();
  }
  return true;
}
