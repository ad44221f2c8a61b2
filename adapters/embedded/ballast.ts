import { randomFillSync } from "node:crypto";
import { statfsSync, statSync, unlinkSync } from "node:fs";
import { open, rename, rm, statfs } from "node:fs/promises";
import { join } from "node:path";
import { WRITE_BUFFER_BYTES_DEFAULT } from "./level-database.ts";

const CHUNK_BYTES = 1024 * 1024;
/** The room that opening needs: it rewrites the logs, two write buffers at most, and writes a few small files. */
const BALLAST_BYTES = 2 * WRITE_BUFFER_BYTES_DEFAULT + 2 * CHUNK_BYTES;
/** The ballast is laid only if this many times its size is free. */
const LAID_FROM = 4;

const ballastPath = (directory: string): string => join(directory, "ballast");

/**
 * Lays a file that takes as much room as opening the database does. If the disk fills up, deleting this file lets the server start, and
 * then unwanted data can be deleted.
 */
export async function layBallast(directory: string, bytes = BALLAST_BYTES): Promise<void> {
  const path = ballastPath(directory);
  const { bavail, bsize } = await statfs(directory);
  if (sizeOf(path) >= bytes || bavail * bsize < LAID_FROM * bytes) return;
  const file = await open(`${path}.tmp`, "w");
  try {
    // Random bytes, since a file system may store zeros without using room.
    const chunk = randomFillSync(new Uint8Array(CHUNK_BYTES));
    for (let written = 0; written < bytes; written += CHUNK_BYTES) await file.writeFile(chunk);
    await file.sync();
  } catch (error) {
    await rm(`${path}.tmp`, { force: true });
    throw error;
  } finally {
    await file.close();
  }
  await rename(`${path}.tmp`, path);
}

/** Called before the database is opened: deletes the file if less is free than opening may take. */
export function dropBallast(directory: string): void {
  const path = ballastPath(directory);
  const bytes = sizeOf(path);
  if (bytes === 0) return;
  const { bavail, bsize } = statfsSync(directory);
  if (bavail * bsize < bytes) unlinkSync(path);
}

/** 0 if there is no file. */
function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
