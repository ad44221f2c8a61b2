import { readFileSync, statSync } from "node:fs";

/** The process that holds a lock on a file, if the system tells. Linux tells it for processes that this one can see. */
export function lockHolder(path: string): number | undefined {
  try {
    const { ino } = statSync(path);
    const holders = new Set<number>();
    for (const line of readFileSync("/proc/locks", "utf8").split("\n")) {
      // 1: POSIX  ADVISORY  WRITE 12345 fd:00:1048601 0 EOF
      const [, , , , pid, place = ""] = line.trim().split(/\s+/);
      if (Number(place.split(":")[2]) === ino && Number(pid) > 0) holders.add(Number(pid));
    }
    // A file on another disk may have the same number. Then nobody is named, rather than the wrong process.
    const [holder] = holders;
    return holders.size === 1 ? holder : undefined;
  } catch {
    // There is no /proc/locks, or it may not be read.
  }
  return undefined;
}
