import { statfs } from "node:fs/promises";
import { StoreUnavailable } from "../../core/ports/store-failures.ts";

const CHECK_MS = 1_000;
const REPORT_MS = 60_000;
const MIB = 1024 * 1024;
/**
 * LevelDB rewrites its log, two write buffers at most, when it recovers, and needs about four to merge its newest files. A merge that
 * finds less room fails the next write, and the database starts anew: safe, but slow.
 */
export const RESERVE_BYTES_DEFAULT = 64 * MIB;

/**
 * The kind of a write. `append` brings new messages and is refused at the reserve. `change` is everything else that adds, such as
 * settling, and is refused at half the reserve. `free` removes, and is never refused.
 */
export type Use = "append" | "change" | "free";

/**
 * Watches the free room of a file system, so that writes are refused while there is still enough for a recovery. It checks when asked,
 * at most once a second, or sooner if writes may have used half of the room seen last. Asking never waits.
 */
export class FreeSpace {
  readonly #path: string;
  readonly #reserveBytes: number;
  readonly #report: (line: string) => void;
  /** If unknown, infinite: a write that does not fit fails by itself. */
  #freeBytes = Number.POSITIVE_INFINITY;
  #writtenBytes = 0;
  /** Bytes of files being written, which `statfs` may not show yet. */
  #begunBytes = 0;
  #checking: Promise<void> | undefined;
  #checkedAtMs = 0;
  #closed = false;
  #reportedAtMs = Number.NEGATIVE_INFINITY;

  private constructor(path: string, reserveBytes: number, report: (line: string) => void) {
    this.#path = path;
    this.#reserveBytes = reserveBytes;
    this.#report = report;
  }

  static async watch(path: string, reserveBytes: number, report: (line: string) => void = () => undefined): Promise<FreeSpace> {
    const space = new FreeSpace(path, reserveBytes, report);
    await space.#check();
    return space;
  }

  /** Stops checking, and waits for the check under way, which would keep the file system from being unmounted. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#checking;
  }

  /** Notes that `bytes` were written. A compaction may write them once more. */
  written(bytes: number): void {
    this.#writtenBytes += 2 * bytes;
  }

  /** Notes that a file of `bytes` is being written, until the answered function is called. */
  begin(bytes: number): () => void {
    this.#begunBytes += bytes;
    return () => {
      this.#begunBytes -= bytes;
      this.#writtenBytes += bytes;
    };
  }

  /** Errors: `StoreUnavailable`, `full`, if a write of about `bytes` would use room kept for more important writes. */
  require(use: Use, bytes = 0): void {
    if (use === "free") return;
    const leftBytes = this.#leftBytes();
    const keptBytes = use === "append" ? this.#reserveBytes : this.#reserveBytes / 2;
    if (leftBytes - bytes > keptBytes) return;
    this.#reportFull(use, leftBytes, keptBytes);
    const refusal = new StoreUnavailable("not-applied", "full", "the disk is nearly full");
    // A stack trace of a full disk helps nobody, and there may be thousands a second.
    refusal.stack = `${refusal.name}: ${refusal.message}`;
    throw refusal;
  }

  /** Bytes that are free, as far as is known. */
  #leftBytes(): number {
    const leftBytes = this.#freeBytes - this.#writtenBytes - this.#begunBytes;
    const overReserve = this.#freeBytes - this.#reserveBytes;
    const roomBytes = overReserve > 0 ? overReserve : Math.max(0, overReserve + this.#reserveBytes / 2);
    const outdated = performance.now() - this.#checkedAtMs >= CHECK_MS || this.#writtenBytes > roomBytes / 2;
    if (outdated && !this.#closed) {
      this.#checking ??= this.#check().finally(() => {
        this.#checking = undefined;
      });
    }
    return leftBytes;
  }

  #reportFull(use: Use, leftBytes: number, keptBytes: number): void {
    if (performance.now() - this.#reportedAtMs < REPORT_MS) return;
    this.#reportedAtMs = performance.now();
    const what = use === "append" ? "sends are" : "everything but deletions is";
    const [left, kept] = [leftBytes, keptBytes].map((bytes) => Math.max(0, Math.floor(bytes / MIB)));
    this.#report(`${left} MiB are free on the disk of ${this.#path}: ${what} refused below ${kept} MiB`);
  }

  async #check(): Promise<void> {
    this.#writtenBytes = 0;
    try {
      const { bavail, bsize } = await statfs(this.#path);
      this.#freeBytes = bavail * bsize;
    } catch {
      this.#freeBytes = Number.POSITIVE_INFINITY;
    }
    this.#checkedAtMs = performance.now();
  }
}
