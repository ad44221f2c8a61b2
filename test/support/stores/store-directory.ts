import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A new, empty folder for a store, and its removal. */
export async function storeDirectory(): Promise<{ path: string; remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), "apogee-store-"));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}
