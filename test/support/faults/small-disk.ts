import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import { storeDirectory } from "../stores/store-directory.ts";

const CHUNK = new Uint8Array(64 * 1024);

/** A separate file system, in memory, that a test can fill to the last page. */
export interface SmallDisk {
  readonly path: string;
  /** Uses `bytes` of it, or all that is left. */
  fill(bytes?: number): Promise<void>;
  /** Frees what `fill` used. */
  free(): Promise<void>;
  remove(): Promise<void>;
}

/** The disk, or why this machine cannot have one. */
export async function smallDisk(megabytes: number): Promise<SmallDisk | { readonly unavailable: string }> {
  if (process.platform !== "linux" || !existsSync("/proc/mounts")) return { unavailable: "needs Linux, to mount a tmpfs" };
  const directory = await storeDirectory();
  const mount = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", directory.path], { encoding: "utf8" });
  if (mount.status !== 0) {
    await directory.remove();
    return { unavailable: `cannot mount a tmpfs: ${(mount.stderr ?? mount.error?.message ?? "").trim()}` };
  }
  const filler = join(directory.path, "filler");
  return {
    path: directory.path,
    async fill(bytes = Number.POSITIVE_INFINITY) {
      const file = await open(filler, "a");
      try {
        for (let taken = 0; taken < bytes; taken += CHUNK.length) await file.appendFile(CHUNK);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
      } finally {
        await file.close();
      }
    },
    free: () => rm(filler, { force: true }),
    async remove() {
      const unmount = spawnSync("umount", [directory.path], { encoding: "utf8" });
      if (unmount.status !== 0) throw new Error(`cannot unmount it: ${unmount.stderr.trim()}`);
      await directory.remove();
    },
  };
}
