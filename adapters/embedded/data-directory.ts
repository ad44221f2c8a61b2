import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { StoreCorrupt } from "../../core/ports/store-failures.ts";

/**
 * A data directory: `FORMAT` names its layout, `items/` is a LevelDB database (its lock keeps a second process out), `objects/`
 * holds the objects, and `objects.tmp/` those being written.
 */
export const itemsPath = (directory: string): string => join(directory, "items");
export const objectsPath = (directory: string): string => join(directory, "objects");
export const unfinishedObjectsPath = (directory: string): string => join(directory, "objects.tmp");

/** Raised when files in a data directory change in a way that older code must not touch. */
const FORMAT = 1;

/** Another process holds the directory. */
export class DirectoryInUse extends Error {
  override readonly name = "DirectoryInUse";
}

/** A newer version wrote the directory. */
export class FormatTooNew extends Error {
  override readonly name = "FormatTooNew";
}

/** Creates the directory, or checks that this version may use it. Errors: `FormatTooNew`, `StoreCorrupt`. */
export function prepareDirectory(directory: string): void {
  makeDirectory(directory);
  const path = join(directory, "FORMAT");
  if (!existsSync(path)) {
    if (existsSync(itemsPath(directory))) throw new StoreCorrupt(`The folder ${directory} holds data but no FORMAT file.`);
    // Two processes that begin at once write the same; an empty file, left by a crash, stands for nothing stored yet.
    writeFileSync(path, `${JSON.stringify({ format: FORMAT })}\n`, { flush: true });
    return;
  }
  const text = readFileSync(path, "utf8");
  const found = text === "" ? FORMAT : readFormat(text);
  if (found === undefined) throw new StoreCorrupt(`The FORMAT file of the folder ${directory} cannot be read.`);
  if (found > FORMAT) {
    throw new FormatTooNew(
      `The folder ${directory} has format ${found}; this version knows formats up to ${FORMAT}. Start the version that wrote it.`,
    );
  }
}

/** As `mkdir -p`, whose counterpart in Node never ends below a folder such as /proc, which is there and takes no entries. */
function makeDirectory(directory: string): void {
  const path = resolve(directory);
  if (existsSync(path)) return;
  if (dirname(path) !== path) makeDirectory(dirname(path));
  try {
    mkdirSync(path);
  } catch (error) {
    // Another process was quicker: who may have the folder, the database's lock decides.
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

function readFormat(text: string): number | undefined {
  try {
    const { format } = JSON.parse(text) as { readonly format?: unknown };
    return typeof format === "number" && format >= 1 ? format : undefined;
  } catch {
    return undefined;
  }
}
