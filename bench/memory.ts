import { readFileSync } from "node:fs";

const SAMPLE_MS = 250;

/** RssAnon in MB: the process's own memory. VmRSS would include LevelDB's mapped files, which are page cache. NaN outside Linux. */
const rssAnonMb = (pid: number): number => {
  try {
    const kilobytes = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return Number(kilobytes) / 1_024;
  } catch {
    return Number.NaN;
  }
};

/** The work's result, and the most memory that `pid` was seen to hold during it. */
export const peakMemoryDuring = async <T>(pid: number, work: () => Promise<T>): Promise<{ result: T; rssAnonMb: number }> => {
  let peak = rssAnonMb(pid);
  const sample = (): void => {
    peak = Math.max(peak, rssAnonMb(pid));
  };
  const timer = setInterval(sample, SAMPLE_MS);
  try {
    const result = await work();
    sample();
    return { result, rssAnonMb: peak };
  } finally {
    clearInterval(timer);
  }
};
