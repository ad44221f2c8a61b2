import { openBackupSocket } from "../../adapters/embedded/backup/backup-socket.ts";
import { layBallast } from "../../adapters/embedded/ballast.ts";
import { DirectoryInUse, FormatTooNew } from "../../adapters/embedded/data-directory.ts";
import { DeletedRoom } from "../../adapters/embedded/deleted-room.ts";
import { EmbeddedItemStore } from "../../adapters/embedded/embedded-item-store.ts";
import { EmbeddedObjectStore } from "../../adapters/embedded/embedded-object-store.ts";
import { SOLE_PROCESS } from "../../core/broker-settings.ts";
import { folderExpiresMs, framesPrefix, RETENTION_CLASSES_DAYS } from "../../core/keys.ts";
import type { Clock } from "../../core/ports/clock.ts";
import { StoreCorrupt } from "../../core/ports/store-failures.ts";
import { systemClock } from "../runtime/clock.ts";
import { StartFailure } from "../runtime/start-failure.ts";
import type { BrokerStores } from "./broker-stores.ts";

const DAY_MS = 24 * 3_600_000;
/** Items swept before the signal is checked again. */
const SWEEP_ITEMS = 1_000;

/** Errors of a folder that cannot be written to. */
const FOLDER_FAILURES: ReadonlySet<string> = new Set(["EACCES", "EEXIST", "ENOENT", "ENOSPC", "ENOTDIR", "EPERM", "EROFS"]);

export interface EmbeddedStoresOptions {
  /** Starts without the unreadable data of a damaged folder. Default false. */
  readonly acceptDataLoss: boolean;
  /** By which things expire. Default: the system's. */
  readonly clock: Pick<Clock, "nowMs">;
  /** Told, in one line, what the operator should know of the folder. */
  readonly report: (line: string) => void;
}

/** Opens the stores of one folder. Errors: `StartFailure` for failures that the operator can mend. */
export async function openEmbeddedStores(directory: string, options: Partial<EmbeddedStoresOptions> = {}): Promise<BrokerStores> {
  try {
    return await open(directory, options);
  } catch (error) {
    throw folderFailure(error, directory) ?? error;
  }
}

async function open(directory: string, options: Partial<EmbeddedStoresOptions>): Promise<BrokerStores> {
  // The item store holds the folder's lock, so it is opened first and closed last.
  const items = await EmbeddedItemStore.open(directory, options);
  try {
    const objects = await EmbeddedObjectStore.open(directory, { space: items.space });
    const backups = await openBackupSocket(directory, () => items.entries(), options.report);
    const room = new DeletedRoom(items);
    return {
      items,
      objects,
      settings: SOLE_PROCESS,
      disk: {
        async sweep(signal) {
          await sweep(items, objects, (options.clock ?? systemClock).nowMs(), signal);
          await layBallast(directory);
        },
        reclaim: (blocks) => room.reclaim(blocks),
      },
      async close() {
        await backups.close();
        await room.close();
        await items.close();
      },
    };
  } catch (error) {
    await items.close();
    throw error;
  }
}

/** Does what the table's expiry and the bucket's lifecycle rules do on AWS. */
async function sweep(items: EmbeddedItemStore, objects: EmbeddedObjectStore, nowMs: number, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && (await items.sweepExpired(Math.floor(nowMs / 1_000), SWEEP_ITEMS)) >= SWEEP_ITEMS);
  for (const classDays of RETENTION_CLASSES_DAYS) {
    if (signal.aborted) return;
    await objects.sweepFolders(framesPrefix(classDays), (name) => (folderExpiresMs(name) ?? nowMs) < nowMs);
    // Those of versions that gave no object an expiry of its own.
    await objects.sweepOlderThan(framesPrefix(classDays), nowMs - classDays * DAY_MS);
  }
}

/** A failure to open a folder that the operator can mend; `undefined` for any other. */
export function folderFailure(error: unknown, directory: string): StartFailure | undefined {
  if (error instanceof DirectoryInUse) {
    return new StartFailure(`${error.message} Stop it, or give this server a folder of its own: --data-dir, or DATA_DIR.`, {
      cause: error,
    });
  }
  if (error instanceof FormatTooNew || StoreCorrupt.is(error)) {
    return new StartFailure(error.message, { cause: error });
  }
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === undefined || !FOLDER_FAILURES.has(code)) return undefined;
  return new StartFailure(`Cannot use the folder ${directory}: ${message}.`, { cause: error });
}
