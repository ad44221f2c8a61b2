import { readFileSync } from "node:fs";
import { join } from "node:path";
import { StoreCorrupt } from "../../../core/ports/store-failures.ts";

/** The state that a backup is of, and what is in it. */
export interface BackupContents {
  /** Epoch ms. Everything acknowledged before it is in the backup. */
  readonly takenAtMs: number;
  readonly items: number;
  readonly objects: number;
}

/** A file that only backups have. It is there before anything else, and says last of all that nothing is missing. */
export const markerPath = (directory: string): string => join(directory, "BACKUP");

export const unfinishedMarker = (takenAtMs: number): string => line({ complete: false, takenAt: time(takenAtMs) });
export const completeMarker = ({ takenAtMs, items, objects }: BackupContents): string =>
  line({ complete: true, takenAt: time(takenAtMs), items, objects });

/** Errors: `StoreCorrupt` for a backup that was not finished. */
export function requireComplete(directory: string): void {
  if (isComplete(directory)) return;
  throw new StoreCorrupt(`The folder ${directory} is a backup that was not finished. Start on another one, and delete this one.`);
}

/** Also of a folder that is no backup. */
function isComplete(directory: string): boolean {
  let text: string;
  try {
    text = readFileSync(markerPath(directory), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return true;
    throw error;
  }
  try {
    return (JSON.parse(text) as { readonly complete?: unknown }).complete === true;
  } catch {
    return false;
  }
}

const line = (marker: Readonly<Record<string, unknown>>): string => `${JSON.stringify(marker)}\n`;
const time = (ms: number): string => new Date(ms).toISOString();
