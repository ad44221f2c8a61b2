import { statfs } from "node:fs/promises";

const CHECK_MS = 1_000;
/**
 * LevelDB rewrites its log, two write buffers at most, when it recovers, and needs about four to merge its newest files. A merge that
 * finds less room fails the next write, and the database starts anew: safe, but slow.
 */
export const RESERVE_BYTES_DEFAULT = 64 * 1024 * 1024;

/**
 * Watches how much room a file system has, so that writes are refused while there is still enough to recover in. It looks when
 * asked, at most once a second, or sooner when writing may have used up half of the room seen last. Asking never waits.
 */
export class FreeSpace {
  readonly #path: string;
  readonly #reserveBytes: number;
  /** Above the reserve. Unknown counts as endless: a write that does not fit fails by itself. */
  #roomBytes = Number.POSITIVE_INFINITY;
  #writtenBytes = 0;
  #checking: Promise<void> | undefined;
  #checkedAtMs = 0;

  private constructor(path: string, reserveBytes: number) {
    this.#path = path;
    this.#reserveBytes = reserveBytes;
  }

  static async watch(path: string, reserveBytes: number): Promise<FreeSpace> {
    const space = new FreeSpace(path, reserveBytes);
    await space.#check();
    return space;
  }

  /** `bytes` went to the disk since. A compaction may write them once more. */
  written(bytes: number): void {
    this.#writtenBytes += 2 * bytes;
  }

  get exhausted(): boolean {
    const due = performance.now() - this.#checkedAtMs >= CHECK_MS || this.#writtenBytes > this.#roomBytes / 2;
    if (due) {
      this.#checking ??= this.#check().finally(() => {
        this.#checking = undefined;
      });
    }
    return this.#roomBytes <= this.#writtenBytes;
  }

  async #check(): Promise<void> {
    this.#writtenBytes = 0;
    try {
      const { bavail, bsize } = await statfs(this.#path);
      this.#roomBytes = Math.max(0, bavail * bsize - this.#reserveBytes);
    } catch {
      this.#roomBytes = Number.POSITIVE_INFINITY;
    }
    this.#checkedAtMs = performance.now();
  }
}
