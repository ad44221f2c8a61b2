import { existsSync } from "node:fs";
import { link, mkdtemp, rm, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { ClassicLevel, DatabaseOptions } from "classic-level";
import { type Disk, type NewFile, systemDisk } from "../../../adapters/embedded/disk.ts";

type Level = ClassicLevel<string, Uint8Array>;
type Operation = { type: "put"; key: string; value: Uint8Array } | { type: "del"; key: string };
type Undo = () => Promise<void>;

/**
 * A disk that `cutPower` leaves as after a power cut: without the batches, file bytes and folder names that were not synced. Close the
 * stores first; closing syncs nothing.
 */
export class PowerCutDisk implements Disk {
  /** By folder, the undo steps for unsynced changes of its names. */
  readonly #names = new Map<string, Undo[]>();
  readonly #removed: string;
  #removals = 0;

  private constructor(removed: string) {
    this.#removed = removed;
  }

  /** `scratch`: a folder on the stores' file system, where removed files are kept. */
  static async over(scratch: string): Promise<PowerCutDisk> {
    return new PowerCutDisk(await mkdtemp(join(scratch, "removed-")));
  }

  async cutPower(): Promise<void> {
    const undos = [...this.#names.values()].flat();
    this.#names.clear();
    for (const undo of undos.reverse()) await undo();
  }

  /** An unsynced batch does not exist until a later one is synced. */
  database(path: string, options: DatabaseOptions<string, Uint8Array>): Level {
    const level = systemDisk.database(path, options);
    const write = level.batch.bind(level) as (operations: Operation[], options?: { sync?: boolean }) => Promise<void>;
    let unsynced: Operation[] = [];
    const batch = async (operations: Operation[], batchOptions?: { sync?: boolean }): Promise<void> => {
      // A copy, because the store reuses its memory.
      unsynced.push(...operations.map((one) => (one.type === "put" ? { ...one, value: Uint8Array.from(one.value) } : one)));
      if (batchOptions?.sync !== true) return;
      const all = unsynced;
      unsynced = [];
      await write(all, batchOptions);
    };
    level.batch = batch as typeof level.batch;
    return level;
  }

  async create(path: string): Promise<NewFile> {
    const file = await systemDisk.create(path);
    this.#changed(path, () => unlink(path));
    let unsynced: Uint8Array[] = [];
    const writeFile = async (bytes: Uint8Array): Promise<void> => {
      unsynced.push(Uint8Array.from(bytes));
    };
    const datasync = async (): Promise<void> => {
      await file.writeFile(Buffer.concat(unsynced));
      unsynced = [];
    };
    return { writeFile: writeFile as NewFile["writeFile"], datasync, close: () => file.close() };
  }

  async mkdir(path: string): Promise<void> {
    if (existsSync(path)) return;
    await systemDisk.mkdir(path);
    this.#changed(path, () => rm(path, { recursive: true }));
  }

  async rename(from: string, to: string): Promise<void> {
    const replaced = await this.#keep(to);
    const moved = await this.#keep(from);
    await systemDisk.rename(from, to);
    this.#changed(from, () => link(moved as string, from));
    this.#changed(to, async () => {
      await rm(to, { force: true });
      if (replaced !== undefined) await link(replaced, to);
    });
  }

  async link(from: string, to: string): Promise<void> {
    await systemDisk.link(from, to);
    this.#changed(to, () => unlink(to));
  }

  async unlink(path: string): Promise<void> {
    const removed = await this.#keep(path);
    await systemDisk.unlink(path);
    this.#changed(path, () => link(removed as string, path));
  }

  async syncFolder(path: string): Promise<void> {
    this.#names.delete(path);
  }

  #changed(path: string, undo: Undo): void {
    const folder = dirname(path);
    this.#names.set(folder, [...(this.#names.get(folder) ?? []), undo]);
  }

  /** Gives the file another name, so that it can be restored. `undefined` if there is none. */
  async #keep(path: string): Promise<string | undefined> {
    const kept = join(this.#removed, String(this.#removals++));
    return link(path, kept).then(
      () => kept,
      () => undefined,
    );
  }
}
