import type { BatchOperation, ClassicLevel } from "classic-level";
import type { Disk } from "../disk.ts";
import type { FreeSpace } from "../free-space.ts";
import { databaseOptions } from "../level-database.ts";
import { isItem } from "../stored-keys.ts";
import type { StoredEntry } from "./entry-stream.ts";

const MIB = 1024 * 1024;
/** Small, since a server on the same disk waits for its own syncs behind those of a batch. */
const BATCH_BYTES = MIB;
const WRITE_BUFFER_BYTES = 8 * MIB;

type Level = ClassicLevel<string, Uint8Array>;
type Put = BatchOperation<Level, Uint8Array, Uint8Array>;

/** Writes the entries into a new database, durably, and answers how many items there are. Errors: LevelDB's; `StoreUnavailable` for a full disk. */
export async function copyItems(
  entries: AsyncIterable<readonly StoredEntry[]>,
  path: string,
  { disk, space }: { readonly disk: Disk; readonly space: FreeSpace },
): Promise<number> {
  const level = disk.database(path, databaseOptions(WRITE_BUFFER_BYTES));
  await level.open({ createIfMissing: true, errorIfExists: true });
  let items = 0;
  let batch: Put[] = [];
  let bytes = 0;
  const write = async (): Promise<void> => {
    space.require("append", bytes);
    space.written(bytes);
    await level.batch<Uint8Array, Uint8Array>(batch, { keyEncoding: "view", sync: true });
    batch = [];
    bytes = 0;
  };
  try {
    for await (const step of entries) {
      for (const [key, value] of step) {
        if (isItem(key)) items += 1;
        batch.push({ type: "put", key, value });
        bytes += key.length + value.length;
      }
      if (bytes >= BATCH_BYTES) await write();
    }
    await write();
  } finally {
    await level.close();
  }
  await disk.syncFolder(path);
  return items;
}
