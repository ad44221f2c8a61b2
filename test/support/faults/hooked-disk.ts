import { type Disk, systemDisk } from "../../../adapters/embedded/disk.ts";

/** A disk that calls `before` ahead of everything that must be synced to last. What it throws, the operation fails with. */
export function hookedDisk(before: (operation: string) => Promise<void> | void, disk: Disk = systemDisk): Disk {
  return {
    database(path, options) {
      const level = disk.database(path, options);
      const write = level.batch.bind(level) as (...args: unknown[]) => Promise<void>;
      const batch = async (...args: unknown[]): Promise<void> => {
        await before("batch");
        return write(...args);
      };
      level.batch = batch as typeof level.batch;
      return level;
    },
    async create(path) {
      await before("create");
      const file = await disk.create(path);
      const datasync = async (): Promise<void> => {
        await before("datasync");
        await file.datasync();
      };
      return {
        writeFile: ((bytes: Uint8Array) => file.writeFile(bytes)) as typeof file.writeFile,
        datasync,
        close: () => file.close(),
      };
    },
    async mkdir(path) {
      await before("mkdir");
      await disk.mkdir(path);
    },
    async rename(from, to) {
      await before("rename");
      await disk.rename(from, to);
    },
    async link(from, to) {
      await before("link");
      await disk.link(from, to);
    },
    async unlink(path) {
      await before("unlink");
      await disk.unlink(path);
    },
    async syncFolder(path) {
      await before("syncFolder");
      await disk.syncFolder(path);
    },
  };
}
